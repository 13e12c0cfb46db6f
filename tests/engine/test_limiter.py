"""The limiter in a real Valkey, with a manual clock: weeks pass in seconds."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from redis import Redis

from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.engine.limiter import SCRIPT, RedisLimiter
from campaigns.reason import Reason
from campaigns.throttling import hold_reasons
from campaigns.throttling.plan import NO_LIMIT, GrantRequest, GroupPlan, Hold, Pace, Plan, Windows
from tests.english import in_english
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber
from tests.manual_clock import ManualSeconds

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualSeconds:
    return ManualSeconds(START.timestamp())


@pytest.fixture
def limiter(redis_url: str, clock: ManualSeconds, app: Flask) -> RedisLimiter:
    return RedisLimiter(Redis.from_url(redis_url), clock)


def ask(count: int = 1000, *, campaign: int = 1, provider: int = 1, **groups: int) -> GrantRequest:
    return GrantRequest(provider, campaign, groups or {"other": count}, holder="one")


def busiest(sent: list[float], seconds: float) -> int:
    """The largest number of messages in any window of this length."""
    most, first = 0, 0
    for last, at in enumerate(sent):
        while sent[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def run(
    limiter: RedisLimiter, clock: ManualSeconds, plan: Plan, *, seconds: float, want: int = 500
) -> list[float]:
    """Ask again after each wait, for this long; return the time of each message."""
    sent: list[float] = []
    end = clock.seconds + seconds
    while clock.seconds < end:
        grant = limiter.acquire(ask(want), plan)
        pace = grant.paces.account or grant.paces.campaign or Pace(0, 0)
        sent += [clock.seconds + pace.delay + number * pace.every for number in range(grant.total)]
        clock.seconds += max(grant.wait_seconds, 0.005)
    return sent


def test_without_limits_everything_is_granted(limiter: RedisLimiter) -> None:
    grant = limiter.acquire(ask(google=700, other=300), Plan())
    assert grant.counts == {"google": 700, "other": 300}
    assert (grant.wait_seconds, grant.holds) == (0, {})


@pytest.mark.parametrize("rate", [1, 14, 200, 5000])
def test_w1_no_second_holds_more_than_the_limit_and_it_is_used(
    limiter: RedisLimiter, clock: ManualSeconds, rate: int
) -> None:
    sent = run(limiter, clock, Plan(windows=Windows(second=rate)), seconds=20)
    assert busiest(sent, 1) <= rate + 1, "times are written with six digits"
    assert len(sent) >= rate * 20 * 0.95


def test_workers_are_given_different_times_slightly_ahead(limiter: RedisLimiter) -> None:
    plan = Plan(windows=Windows(second=100))
    first, second, third = (limiter.acquire(ask(1000), plan) for _ in range(3))
    assert [first.total, second.total, third.total] == [50, 30, 0]
    assert first.paces.account == Pace(0, 0.01)
    assert second.paces.account == Pace(0.5, 0.01)


@pytest.mark.parametrize(
    ("windows", "length", "limit"),
    [
        (Windows(minute=30), 60, 30),
        (Windows(hour=100), 3600, 100),
        (Windows(day=2000), 86_400, 2000),
    ],
)
def test_no_longer_window_is_ever_exceeded(
    limiter: RedisLimiter, clock: ManualSeconds, windows: Windows, length: int, limit: int
) -> None:
    sent = run(limiter, clock, Plan(windows=windows), seconds=length * 21)
    assert busiest(sent, length) <= limit
    assert len(sent) >= limit * 20 * 0.95


def test_unused_tokens_go_back_to_all_windows(limiter: RedisLimiter, clock: ManualSeconds) -> None:
    plan = Plan(windows=Windows(minute=50, hour=100, day=100))
    asked = ask(50)
    assert limiter.acquire(asked, plan).total == 50
    limiter.give_back(asked, {"other": 30})
    assert limiter.acquire(ask(50), plan).total == 30
    clock.seconds += 62
    assert limiter.acquire(ask(50), plan).total == 50


def test_w3_a_used_up_daily_limit_says_when_sending_continues(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    plan = Plan(name="SES", windows=Windows(day=100))
    assert limiter.acquire(ask(100), plan).total == 100
    clock.seconds += 3600
    over = limiter.acquire(ask(10), plan)
    assert over.total == 0
    assert 23 * 3600 <= over.wait_seconds <= 23.5 * 3600
    assert in_english(over.holds["other"].why).startswith(
        "SES has reached its limit of 100 emails in 24 hours. Sending continues at 3 Mar 2026, 0"
    )
    clock.seconds += over.wait_seconds
    assert limiter.acquire(ask(10), plan).total == 10


def test_accounts_do_not_share_their_limits(limiter: RedisLimiter) -> None:
    plan = Plan(windows=Windows(day=100))
    assert limiter.acquire(ask(100, provider=1), plan).total == 100
    assert limiter.acquire(ask(100, provider=2), plan).total == 100


def test_a_short_supply_is_shared_among_groups_in_turn(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    plan = Plan(windows=Windows(day=90))
    grant = limiter.acquire(ask(google=500, yahoo=10, other=500), plan)
    assert sorted(grant.counts.values()) == [10, 40, 40]
    one_a_second = Plan(windows=Windows(second=1))
    got = set()
    for _ in range(3):
        got |= set(
            limiter.acquire(ask(provider=2, google=9, yahoo=9, other=9), one_a_second).counts
        )
        clock.seconds += 1.1
    assert got == {"google", "yahoo", "other"}


def test_campaigns_share_an_account(limiter: RedisLimiter, clock: ManualSeconds) -> None:
    plan = Plan(windows=Windows(second=100))
    got = {1: 0, 2: 0}
    for _ in range(400):
        for campaign in (1, 2):
            got[campaign] += limiter.acquire(ask(1000, campaign=campaign), plan).total
        clock.seconds += 0.05
    assert sum(got.values()) >= 1800
    assert min(got.values()) >= sum(got.values()) / 3, "even for one that always asks second"


def test_a_single_email_is_not_starved_by_a_campaign(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    plan = Plan(windows=Windows(second=1))
    assert limiter.acquire(ask(100), plan).total == 1
    assert limiter.acquire(ask(1, campaign=0), plan).total == 0
    clock.seconds += 1.1
    assert limiter.acquire(ask(100), plan).total == 0, "one is left for the single email"
    assert limiter.acquire(ask(1, campaign=0), plan).total == 1
    clock.seconds += 2.1
    assert limiter.acquire(ask(100), plan).total == 1


def test_w5_workers_share_and_one_is_killed(
    redis_url: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real time, real threads: only Redis's clock counts, not the workers' clocks."""
    monkeypatch.setattr("campaigns.engine.limiter.utcnow", lambda: utcnow() + timedelta(seconds=5))
    plan = Plan(windows=Windows(second=400, minute=900))
    granted: list[int] = []
    until = time.monotonic() + 2.5

    def work(name: str, lives: float) -> None:
        one = RedisLimiter(Redis.from_url(redis_url))
        asked = GrantRequest(1, 1, {"other": 100}, holder=name)
        with app.app_context():
            while time.monotonic() < until:
                grant = one.acquire(asked, plan)
                if grant.total and time.monotonic() > until - 2.5 + lives:
                    return  # killed while it holds tokens
                unused = grant.total // 4
                one.give_back(asked, {"other": unused})
                granted.append(grant.total - unused)
                time.sleep(min(grant.wait_seconds, 0.05))

    threads = [
        threading.Thread(target=work, args=(f"w{number}", 0.5 if number == 0 else 9))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 820 <= sum(granted) <= 900


def test_a_campaign_keeps_to_its_pace(limiter: RedisLimiter, clock: ManualSeconds) -> None:
    sent = run(limiter, clock, Plan(pace_per_second=0.5), seconds=600)
    assert 298 <= len(sent) <= 301
    holds = limiter.acquire(ask(5), Plan(pace_per_second=0.5)).holds
    assert "is limited to 30 per minute" in in_english(next(iter(holds.values())).why)


def test_a_group_keeps_to_its_rate_while_the_others_continue(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    plan = Plan(
        groups={"yahoo": GroupPlan(per_second=1 / 60, why=Reason.unpack("It said “later”."))}
    )
    first = limiter.acquire(ask(yahoo=50, other=50), plan)
    assert first.counts == {"yahoo": 1, "other": 50}
    second = limiter.acquire(ask(yahoo=50, other=50), plan)
    assert second.counts == {"other": 50}
    assert in_english(second.holds["yahoo"].why) == "Yahoo gets 1 per minute. It said “later”."
    assert 59 <= second.wait_seconds <= 60


def test_a_suspended_group_waits_and_says_why(limiter: RedisLimiter, clock: ManualSeconds) -> None:
    until = clock.now + timedelta(minutes=10)
    plan = Plan(
        groups={
            "google": GroupPlan(suspended_until=until, why=Reason.unpack("421 4.7.28 slow down"))
        }
    )
    grant = limiter.acquire(ask(google=5, other=5), plan)
    assert grant.counts == {"other": 5}
    assert in_english(grant.holds["google"].why).startswith("Gmail waits until ")
    assert in_english(grant.holds["google"].why).endswith(":10. 421 4.7.28 slow down.")
    assert grant.holds["google"].until == until
    clock.seconds += 600
    assert limiter.acquire(ask(google=5), plan).counts == {"google": 5}


def test_the_limit_of_messages_in_progress_is_shared(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    plan = Plan(groups={"google": GroupPlan(at_once=1)})
    one = GrantRequest(1, 1, {"google": 5}, holder="one")
    two = GrantRequest(1, 1, {"google": 5}, holder="two")
    count = GrantRequest(1, 1, {"google": 5000}, holder="one")
    assert limiter.acquire(count, plan).counts == {"google": 100}
    assert limiter.acquire(one, plan).at_once == {"google": 1}
    assert limiter.acquire(two, plan).counts == {}
    clock.seconds += 31  # the first one has left
    assert limiter.acquire(two, plan).at_once == {"google": 1}


def test_connections_are_never_more_than_the_plan_has(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    plan = Plan(connections=10)
    held = {"a": limiter.connections(1, "a", plan)}
    assert held == {"a": 10}
    for _ in range(4):
        for worker in ("b", "a", "c"):
            held[worker] = limiter.connections(1, worker, plan)
            assert sum(held.values()) <= 10
    assert sorted(held.values()) == [2, 4, 4]
    clock.seconds += 31  # all but one were killed
    assert limiter.connections(1, "c", plan) == 10
    assert limiter.connections(1, "c", Plan()) == NO_LIMIT


def test_others_get_only_connections_that_were_closed(limiter: RedisLimiter) -> None:
    plan = Plan(connections=4)
    assert limiter.connections(1, "a", plan) == 4
    assert limiter.connections(1, "b", plan) == 0
    assert limiter.connections(1, "a", plan, held=4) == 2
    assert limiter.connections(1, "b", plan) == 0, "a has not closed any yet"
    assert limiter.connections(1, "a", plan, held=3) == 2
    assert limiter.connections(1, "b", plan) == 1
    assert limiter.connections(1, "a", plan, held=2) == 2
    assert limiter.connections(1, "b", plan, held=1) == 2


def test_connections_are_never_more_when_the_limit_is_lowered(limiter: RedisLimiter) -> None:
    assert limiter.connections(1, "a", Plan(connections=8)) == 8
    assert limiter.connections(1, "b", Plan(connections=8)) == 0
    assert limiter.connections(1, "a", Plan(connections=4), held=8) == 2
    assert limiter.connections(1, "b", Plan(connections=4)) == 0
    assert limiter.connections(1, "a", Plan(connections=4), held=2) == 2
    assert limiter.connections(1, "b", Plan(connections=4)) == 2


def test_the_connections_of_a_killed_worker_are_free_after_two_seconds(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    plan = Plan(connections=4)
    assert limiter.connections(1, "killed", plan) == 4
    clock.seconds += 1.9
    assert limiter.connections(1, "b", plan) == 0
    clock.seconds += 0.2
    assert limiter.connections(1, "b", plan) == 4


def test_an_idle_worker_keeps_connections_only_while_nobody_asks(limiter: RedisLimiter) -> None:
    plan = Plan(connections=4)
    assert limiter.connections(1, "a", plan) == 4
    assert limiter.connections(1, "a", plan, held=4, is_idle=True) == 4
    assert limiter.connections(1, "b", plan) == 0
    assert limiter.connections(1, "a", plan, held=4, is_idle=True) == 0
    assert limiter.connections(1, "b", plan) == 0, "a has not closed any yet"
    assert limiter.connections(1, "a", plan, held=0, is_idle=True) == 0
    assert limiter.connections(1, "b", plan) == 4


def test_connections_in_use_are_not_lent_to_others(limiter: RedisLimiter) -> None:
    plan = Plan(groups={"google": GroupPlan(at_once=4)})
    one = GrantRequest(1, 1, {"google": 5}, holder="one", on_wire={"google": 4})
    two = GrantRequest(1, 1, {"google": 5}, holder="two")
    assert limiter.acquire(one, plan).at_once == {"google": 4}
    assert limiter.acquire(two, plan).counts == {}
    assert limiter.acquire(one, plan).at_once == {"google": 2}
    assert limiter.acquire(two, plan).counts == {}, "four of one are still in progress"
    assert limiter.acquire(GrantRequest(1, 1, {"google": 5}, "one"), plan).at_once == {"google": 2}
    assert limiter.acquire(two, plan).at_once == {"google": 2}


def test_one_message_probes_an_account_that_had_trouble(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    plan = Plan(name="SES", probe=True)
    assert limiter.acquire(ask(50), plan).total == 1
    assert limiter.acquire(ask(50), plan).total == 0
    clock.seconds += 31
    assert limiter.acquire(ask(50), plan).total == 1
    limiter.give_back(ask(50), {"other": 1})
    assert limiter.acquire(ask(50), plan).total == 1, "the previous one was never offered"


def test_a_throttled_group_is_halved_then_slowly_increased(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    def allowed() -> int:
        """Messages in the next ten seconds, reported as batches without trouble."""
        got = 0
        for _ in range(100):
            grant = limiter.acquire(ask(google=100), Plan())
            got += grant.total
            if grant.total:
                limiter.feedback(1, "google", grant.total, 0)
            clock.seconds += 0.1
        return got

    assert allowed() == 10_000
    limiter.feedback(1, "google", 50, 3)
    limiter.feedback(1, "google", 20, 20)  # reported at the same time: not halved again
    halved = allowed()
    assert 4_500 <= halved <= 5_600
    assert allowed() >= 1.15 * halved
    assert allowed() < 8_500, "slowly near the rate that was refused"
    for _ in range(40):
        allowed()
    assert allowed() == 10_000, "in the end nothing is held back"


def test_lost_counters_are_rebuilt_from_the_database(
    app: Flask, limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    with transaction():
        provider = a_provider()
        campaign = a_campaign(
            a_list(), sender=a_sender(provider=provider), provider_id=provider.id,
            status="cancelled", started_at=clock.now - timedelta(days=3),
            finished_at=clock.now - timedelta(minutes=1),
        )  # fmt: skip
        for number in range(12):
            person = a_subscriber(f"p{number}@example.org")
            group = "google" if number % 2 else "other"
            sent_at = clock.now - timedelta(hours=2 * number, minutes=2)
            a_delivery(campaign, person, status="sent", sent_at=sent_at, mailbox_group=group)
    plan = Plan(windows=Windows(hour=5, day=20), groups={"google": GroupPlan(per_day=10)})
    asked = ask(google=50, provider=provider.id)
    assert limiter.acquire(asked, plan).counts == {"google": 4}
    assert limiter.acquire(asked, Plan(windows=Windows(day=20))).counts == {"google": 4}


def waits(name: str) -> Reason:
    return Reason("hold.account_waits", {"account": name, "why": None})


def test_a_banner_names_the_longest_hold_first_and_each_once() -> None:
    held = {
        "google": Hold(waits("Gmail"), START + timedelta(hours=1)),
        "yahoo": Hold(waits("SES")),
        "apple": Hold(waits("SES")),
        "outlook": Hold(waits("Outlook.com"), START + timedelta(hours=3)),
    }
    assert in_english(hold_reasons.banner(held)) == "Outlook.com waits. Gmail waits. SES waits."
    count = {str(number): Hold(waits(f"Number {number}")) for number in range(5)}
    assert in_english(hold_reasons.banner(count)).endswith("Number 2 waits. And 2 more reasons.")
    one_more = {str(number): Hold(waits(f"Number {number}")) for number in range(4)}
    assert in_english(hold_reasons.banner(one_more)).endswith("And 1 more reason.")
    assert hold_reasons.banner({"google": Hold(waits("Gmail"))}) == waits("Gmail")


def test_a_limit_switched_on_again_counts_what_was_sent_meanwhile(
    app: Flask, limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    with transaction():
        provider = a_provider()
        campaign = a_campaign(provider_id=provider.id, status="sending", started_at=clock.now)
    limited, asked = Plan(windows=Windows(day=10)), ask(10, provider=provider.id)
    assert limiter.acquire(ask(2, provider=provider.id), limited).total == 2
    limiter.acquire(ask(7, provider=provider.id), Plan())
    with transaction():
        for number in range(9):
            person = a_subscriber(f"p{number}@example.org")
            a_delivery(campaign, person, status="sent", sent_at=clock.now)
    assert limiter.acquire(asked, limited).total == 1


def test_every_kind_of_hold_has_a_sentence() -> None:
    plan = Plan(
        "SES",
        Windows(1, 1, 1, 1),
        why=Reason.unpack("421"),
        warm_up_per_day=1,
        pace_per_second=0.001,
    )
    kinds = set(hold_reasons._REASONS)
    assert set(re.findall(r"(?:kind = |closed\()'(\w+)'", SCRIPT.read_text("utf-8"))) <= kinds
    for kind in kinds:
        for seconds in (1, 3600, 90_000):
            told = hold_reasons.hold(
                kind, "google", plan, START + timedelta(seconds=seconds), now=START
            )
            assert in_english(told.why).endswith(".")
            assert ".." not in in_english(told.why)
