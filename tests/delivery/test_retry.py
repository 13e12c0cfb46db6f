"""What follows a reply: a retry, a failure or a hold, and whose fault it is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.delivery.reasons import REASONS
from campaigns.delivery.retry import (
    Limits,
    RecentResults,
    Verdict,
    decide,
    is_refusal_spike,
    limits_of,
    not_before,
    pause_for,
)
from campaigns.providers.classify import ReplyClass
from tests.conftest import settings_for_tests
from tests.english import in_english

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIMITS = Limits()
CLASSES: tuple[ReplyClass, ...] = get_args(ReplyClass)


def attempts(reply_class: ReplyClass, *, final: bool = False, limits: Limits = LIMITS) -> list[int]:
    """The minutes between the attempts of a delivery that always gets the same reply."""
    waits: list[int] = []
    now, first, attempts = NOW, None, 0
    while len(waits) < 1000:
        verdict = decide(reply_class, attempts + 1, first, now, limits, is_final=final)
        if verdict.status != "queued":
            return waits
        attempts += verdict.counts
        first = first or now
        now += verdict.wait
        waits.append(round(verdict.wait.total_seconds() / 60))
    raise AssertionError("it never ends")


def test_the_limits_come_from_the_settings(tmp_path: Path) -> None:
    assert limits_of(settings_for_tests(tmp_path)) == LIMITS
    own = settings_for_tests(tmp_path, retry_hours=72, flood_refusals=50, flood_percent=40)
    assert limits_of(own) == Limits(retry_hours=72, flood_refusals=50, flood_share=0.4)


def test_s10_a_temporary_refusal_is_retried_with_growing_waits_for_two_days() -> None:
    waits = attempts("transient")
    assert waits[:7] == [5, 15, 30, 60, 120, 240, 240]
    assert sum(waits) == 48 * 60, "and once more when the time is up, not hours later"


def test_attempts_are_limited_as_well_as_time() -> None:
    assert len(attempts("transient", limits=Limits(tries=4))) == 3
    assert sum(attempts("transient", limits=Limits(retry_hours=1))) == 60


def test_a_full_mailbox_is_retried_less_often() -> None:
    assert attempts("mailbox_full") == [60, 120, 240, 240]


def test_throttling_waits_longer_and_longer_and_uses_no_attempts() -> None:
    waits = attempts("throttle")
    assert waits[:4] == [5, 5, 10, 20]
    assert max(waits) == 240
    assert sum(waits) == 48 * 60
    verdict = decide("throttle", 1, None, NOW, LIMITS, is_final=True)
    assert (verdict.status, verdict.counts, verdict.blame) == ("queued", False, "provider")


@pytest.mark.parametrize("reply_class", ["transient", "mailbox_full", "refused", "hard"])
def test_s10_a_permanent_refusal_is_never_retried(reply_class: ReplyClass) -> None:
    verdict = decide(reply_class, 1, None, NOW, LIMITS, is_final=True)
    assert verdict.status == "failed"


@pytest.mark.parametrize(
    ("reply_class", "reason", "blame", "is_bounce"),
    [
        ("hard", "no_mailbox", "recipient", True),
        ("disabled", "disabled", "recipient", True),
        ("content", "content", "campaign", False),
        ("refused", "refused", "nobody", False),
    ],
)
def test_a_failure_says_why_and_whose_fault_it_is(
    reply_class: ReplyClass, reason: str, blame: str, is_bounce: bool
) -> None:
    verdict = decide(reply_class, 1, None, NOW, LIMITS)
    assert verdict.status == "failed"
    assert (verdict.reason, verdict.blame, verdict.is_bounce) == (reason, blame, is_bounce)


@pytest.mark.parametrize("reply_class", ["policy", "sender", "throttle"])
def test_m1_a_fault_of_the_sender_requeues_deliveries_unchanged(reply_class: ReplyClass) -> None:
    verdict = decide(reply_class, 3, NOW - timedelta(hours=5), NOW, LIMITS, is_final=True)
    assert verdict.status == "queued"
    assert verdict.blame in ("provider", "campaign")
    assert not verdict.counts
    assert not verdict.is_bounce


def test_a_lasting_block_holds_deliveries_and_is_no_recipients_fault() -> None:
    assert attempts("policy", final=True)[:4] == [60, 60, 120, 240]
    verdict = decide("policy", 1, NOW - timedelta(hours=48), NOW, LIMITS)
    assert (verdict.status, verdict.reason, verdict.is_bounce) == ("held", "blocked", False)


def test_a_refused_account_is_retried_without_a_time_limit() -> None:
    verdict = decide("sender", 1, NOW - timedelta(days=30), NOW, LIMITS)
    assert (verdict.status, verdict.wait) == ("queued", timedelta(hours=1))


@given(
    reply_class=st.sampled_from(CLASSES),
    attempts=st.integers(0, 200),
    minutes=st.none() | st.integers(-600, 60 * 24 * 90),
    is_final=st.booleans(),
)
def test_every_decision_is_consistent(
    reply_class: ReplyClass, attempts: int, minutes: int | None, is_final: bool
) -> None:
    first = None if minutes is None else NOW - timedelta(minutes=minutes)
    verdict = decide(reply_class, attempts, first, NOW, LIMITS, is_final=is_final)
    assert verdict.reason in REASONS
    if verdict.status == "queued":
        assert timedelta(minutes=1) <= verdict.wait <= timedelta(days=1)
        assert not verdict.is_bounce
    else:
        assert verdict.wait == timedelta(0)
    assert not verdict.is_bounce or verdict.blame == "recipient"


def test_ten_thousand_simultaneous_deferrals_are_retried_at_different_times() -> None:
    verdict = Verdict("queued", "deferred", "nobody", timedelta(minutes=20))
    due = [not_before(verdict, number, NOW) for number in range(10_000)]
    assert min(due) >= NOW + timedelta(minutes=20), "never earlier than requested"
    assert max(due) <= NOW + timedelta(minutes=25)
    by_minute = [sum(NOW + timedelta(minutes=m) <= at < NOW + timedelta(minutes=m + 1)
                     for at in due) for m in range(20, 25)]  # fmt: skip
    assert min(by_minute) > 1_700
    assert not_before(verdict, 7, NOW) == not_before(verdict, 7, NOW)


# --- when everything must stop -----------------------------------------------------------------


def test_one_refusal_of_our_account_stops_the_account() -> None:
    pause = pause_for(RecentResults(500, {"sender": 1}), {"sender": "535 who are you"}, LIMITS)
    assert pause is not None
    assert pause.what == "provider"
    assert "535 who are you" in in_english(pause.reason)


def test_a_block_stops_the_campaign_and_quotes_the_server() -> None:
    pause = pause_for(RecentResults(20, {"policy": 3}), {"policy": "550 5.7.26 no SPF"}, LIMITS)
    assert pause is not None
    assert pause.what == "campaign"
    assert "3 of the last 20" in in_english(pause.reason)
    assert "550 5.7.26 no SPF" in in_english(pause.reason)


def test_a_refusal_by_a_single_server_stops_nothing() -> None:
    assert pause_for(RecentResults(2, {"policy": 2}), {}, LIMITS) is None
    assert pause_for(RecentResults(200, {"policy": 20}), {}, LIMITS) is None


@pytest.mark.parametrize(
    ("refused", "results", "since_start", "stops"),
    [(26, 500, 500, True), (25, 500, 500, False), (5, 60, 60, True), (4, 20, 20, False),
     (200, 500, 501, False)],
)  # fmt: skip
def test_content_refused_by_more_than_a_twentieth_stops_a_new_campaign(
    refused: int, results: int, since_start: int, stops: bool
) -> None:
    tally = RecentResults(results, {"content": refused}, since_start)
    pause = pause_for(tally, {"content": "552 5.7.0 no"}, LIMITS)
    assert (pause is not None) == stops


def test_normal_results_stop_nothing() -> None:
    assert pause_for(RecentResults(500, {"hard": 90, "transient": 300}), {}, LIMITS) is None
    assert pause_for(RecentResults(0, {}), {}, LIMITS) is None


@pytest.mark.parametrize(
    ("refusals", "results", "found"),
    [(19, 19, False), (20, 79, True), (20, 80, False), (51, 200, True), (50, 200, False)],
)
def test_b4_a_spike_is_many_refusals_and_more_than_a_quarter(
    refusals: int, results: int, found: bool
) -> None:
    assert is_refusal_spike(refusals, results, LIMITS) == found
