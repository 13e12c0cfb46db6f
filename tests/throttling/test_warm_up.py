"""Warm-up: the curve, the days, and the effect of warning signs."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from flask import Flask

from campaigns.db import db, transaction
from campaigns.throttling import warm_up
from campaigns.throttling.loading import load_plan
from campaigns.throttling.models import WarmUp
from campaigns.throttling.recording import recorded
from tests.factories import a_campaign, a_provider

MONDAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_plan(**values: object) -> WarmUp:
    defaults: dict[str, object] = {"first": 200, "last": 200_000, "days": 42, "steps": "", "day": 0}
    return WarmUp(**{**defaults, **values})


def test_the_curve_grows_by_the_same_factor() -> None:
    steps = warm_up.curve(200, 200_000, 42)
    assert (steps[0], steps[-1], len(steps)) == (200, 200_000, 42)
    factors = [later / earlier for earlier, later in pairwise(steps[10:])]
    assert max(factors) - min(factors) < 0.01
    assert all(factor < 2 for factor in factors), "no sudden doubling"
    assert warm_up.curve(5, 10, 1) == [10]


def test_only_days_with_email_count() -> None:
    plan = a_plan()
    assert warm_up.cap(plan, MONDAY) == 200
    warm_up.begin_day(plan, MONDAY)
    warm_up.begin_day(plan, MONDAY)
    assert plan.day == 0
    friday = MONDAY + timedelta(days=4)
    assert warm_up.day_of(plan, friday) == 1
    warm_up.begin_day(plan, friday)
    assert plan.day == 1


def test_explicit_steps_replace_the_curve_and_end() -> None:
    plan = a_plan(steps="10 50 400")
    caps = []
    for number in range(4):
        day = MONDAY + timedelta(days=number)
        caps.append(warm_up.cap(plan, day))
        warm_up.begin_day(plan, day)
    assert caps == [10, 50, 400, None]


def test_after_a_month_without_email_the_warm_up_steps_back() -> None:
    plan = a_plan(day=20, day_on=MONDAY)
    assert warm_up.day_of(plan, MONDAY + timedelta(days=30)) == 21
    assert warm_up.day_of(plan, MONDAY + timedelta(days=31)) == 10


def test_a_warning_sign_cuts_a_quarter_and_freezes_for_three_days() -> None:
    plan = a_plan(day=20, day_on=MONDAY)
    before = warm_up.cap(plan, MONDAY)
    warm_up.bad_sign(plan, MONDAY)
    warm_up.bad_sign(plan, MONDAY)  # a second sign on the same day has no effect
    after = warm_up.cap(plan, MONDAY)
    assert before
    assert after
    assert 0.6 * before <= after <= 0.75 * before
    for days in (1, 2):
        assert warm_up.cap(plan, MONDAY + timedelta(days=days)) == after
    assert (warm_up.cap(plan, MONDAY + timedelta(days=3)) or 0) > after


def test_batches_advance_their_own_plans(app: Flask) -> None:
    with transaction():
        provider = a_provider()
        a_campaign(provider_id=provider.id, status="sending", started_at=NOON)
        for group in ("", "google"):
            db.session.add(a_plan(provider_id=provider.id, mailbox_group=group, first=100))

    def send(days: int, group: str, *replies: tuple[int, str, int]) -> None:
        with transaction():
            recorded(
                provider.id, group, sent=5, replies=replies,
                now=NOON + timedelta(days=days),
            )  # fmt: skip

    def plan(days: int) -> tuple[int | None, int]:
        found = load_plan(provider.id, now=NOON + timedelta(days=days))
        return found.warm_up_per_day, found.groups["google"].per_day

    assert plan(0) == (100, 100)
    send(0, "google")
    send(1, "yahoo")
    second, third = warm_up.curve(100, 200_000, 42)[1:3]
    assert plan(1) == (second, second)
    assert plan(2) == (third, second)
    send(2, "google", (421, "4.7.28 Unusual rate", 5))
    assert plan(2) == (100, 100), "back to the step that is a quarter less"
    assert load_plan(provider.id, now=NOON + timedelta(days=2)).groups["google"].suspended_until
