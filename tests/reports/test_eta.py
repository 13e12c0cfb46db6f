"""The finish time: mailbox groups are sent in parallel, and the last one decides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.reports.eta import Draining, Eta, drain, eta_of, over_the_day
from campaigns.reports.groups import GroupCount
from campaigns.throttling.plan import GroupPlan, Plan, Windows

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def finish(
    *rows: GroupCount, plan: Plan | None = None, speed: float | None = 10.0, used: int = 0,
    learned: dict[str, float] | None = None,
) -> Eta | None:  # fmt: skip
    return eta_of(
        rows, plan or Plan(), speed=speed, learned=learned or {}, used_of_day=used, now=NOW
    )


def seconds(found: Eta | None) -> float:
    assert found is not None
    return (found.at - NOW).total_seconds()


def waiting(group: str, count: int, **values: object) -> GroupCount:
    return replace(GroupCount(group, waiting=count), **values)  # type: ignore[arg-type]


def test_unused_capacity_of_a_group_goes_to_the_others() -> None:
    """At its own rate Gmail would take 180 seconds; once Yahoo is done, it gets all capacity."""
    found = finish(waiting("google", 900, rate=5), waiting("yahoo", 100, rate=5))
    assert seconds(found) == pytest.approx(100)
    assert found is not None
    assert found.slowest == "google"


def test_a_group_is_not_faster_than_its_limit() -> None:
    plan = Plan(groups={"yahoo": GroupPlan(per_second=0.5)})
    found = finish(waiting("google", 900), waiting("yahoo", 100), plan=plan)
    assert found == Eta(later(200), "yahoo")


@pytest.mark.parametrize("learned", [{"yahoo": 0.5}, None])
def test_a_slow_group_stays_slow(learned: dict[str, float] | None) -> None:
    rate = None if learned else 0.5
    found = finish(waiting("google", 900), waiting("yahoo", 100, rate=rate), learned=learned)
    assert found == Eta(later(200), "yahoo")


def test_a_held_group_starts_when_it_is_released() -> None:
    plan = Plan(groups={"yahoo": GroupPlan(suspended_until=later(3600))})
    found = finish(waiting("google", 900), waiting("yahoo", 100, rate=0.0), plan=plan)
    assert found == Eta(later(3610), "yahoo")
    found = finish(waiting("google", 900), waiting("yahoo", 100, due_at=later(600)))
    assert found == Eta(later(610), "yahoo")
    whole = replace(Plan(), suspended_until=later(60))
    assert seconds(finish(waiting("google", 900), plan=whole)) == pytest.approx(150)


def test_the_limit_of_the_account_applies_to_all_groups_together() -> None:
    plan = Plan(windows=Windows(minute=120))
    rows = (waiting("google", 100), waiting("yahoo", 100))
    assert seconds(finish(*rows, plan=plan, speed=50)) == pytest.approx(100)
    assert seconds(finish(*rows, plan=plan, speed=None)) == pytest.approx(100)
    assert seconds(finish(*rows, plan=replace(plan, pace_per_second=1.0))) == pytest.approx(200)


def test_a_daily_limit_stretches_sending_over_days() -> None:
    plan = Plan(windows=Windows(day=500))
    assert over_the_day(1500, plan, 0) == timedelta(days=2)
    assert over_the_day(1500, plan, 500) == timedelta(days=3)
    assert over_the_day(400, plan, 0) == timedelta(0)
    assert over_the_day(400, replace(plan, warm_up_per_day=100), 0) == timedelta(days=3)
    found = finish(waiting("google", 1500), plan=plan)
    assert found == Eta(NOW + timedelta(days=2))


def test_a_group_in_warm_up_is_slower() -> None:
    plan = Plan(groups={"google": GroupPlan(per_day=100)})
    assert seconds(finish(waiting("google", 200), plan=plan)) == pytest.approx(2 * 86_400)
    assert seconds(finish(waiting("google", 100), plan=plan)) == pytest.approx(10)


def test_the_finish_time_may_be_unknown() -> None:
    assert finish(waiting("google", 100), speed=None) is None
    assert finish(GroupCount("google", sent=5)) is None
    assert finish() is None
    plan = Plan(windows=Windows(day=1))
    assert finish(waiting("google", 10**9), plan=plan) is None
    assert drain([Draining("google", 5)], 0.0, now=NOW) is None


def test_groups_that_finish_together_have_no_slowest() -> None:
    assert finish(waiting("google", 100), waiting("yahoo", 99)) == Eta(later(19.9))
    assert finish(waiting("google", 100)) == Eta(later(10))
