"""The policy for what comes back, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from campaigns.events.feedback import Feedback, FeedbackKind
from campaigns.events.policy import (
    BOUNCES,
    Failure,
    FeedbackRules,
    consequence_of,
    is_bounce_spike,
    is_repeated,
    rate_level,
)
from campaigns.providers.classify import ReplyClass

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
RULES = FeedbackRules()


def reported(kind: FeedbackKind, **values: Any) -> Feedback:
    return Feedback(kind, NOW, **values)


@pytest.mark.parametrize("reply_class", [*get_args(ReplyClass), ""])
def test_every_class_of_reply_has_a_consequence(reply_class: ReplyClass) -> None:
    assert consequence_of(reported("bounced", reply_class=reply_class)) is BOUNCES[reply_class]


@pytest.mark.parametrize("reply_class", ["throttle", "policy", "content", "sender"])
def test_faults_of_the_sender_never_touch_a_subscriber(reply_class: ReplyClass) -> None:
    found = consequence_of(reported("bounced", reply_class=reply_class))
    assert (found.person, found.tally) == ("nothing", "blocked")


@pytest.mark.parametrize("kind", ["auto_reply", "unknown"])
def test_automatic_replies_leave_no_event(kind: FeedbackKind) -> None:
    assert consequence_of(reported(kind)).event is None


def test_a_delay_is_recorded_and_harmless() -> None:
    found = consequence_of(reported("deferred", reply_class="mailbox_full"))
    assert (found.event, found.person, found.tally) == ("deferred", "nothing", "")


@pytest.mark.parametrize("type_", ["", "abuse", "opt-out"])
def test_a_complaint_suppresses_at_once(type_: str) -> None:
    found = consequence_of(reported("complained", feedback_type=type_))
    assert (found.event, found.person) == ("complained", "suppress")


@pytest.mark.parametrize("type_", ["fraud", "not-spam", "auth-failure", "virus", "other", "odd"])
def test_other_reports_are_only_logged(type_: str) -> None:
    assert consequence_of(reported("complained", feedback_type=type_)).event is None


def failures(reply_class: str, *days_ago: float) -> list[Failure]:
    return [Failure(frozenset({reply_class}), NOW - timedelta(days=one)) for one in days_ago]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (failures("disabled", 0), False),
        (failures("disabled", 0, 1), True),
        (failures("mailbox_full", 0, 7, 13), False),
        (failures("mailbox_full", 0, 14), False),
        (failures("mailbox_full", 0, 7, 14), True),
        (failures("transient", 0, 5, 10, 15), False),
        (failures("transient", 0, 5, 10, 12, 13), False),
        (failures("transient", 0, 5, 10, 12, 15), True),
        (failures("transient", 0, 5, 15) + failures("mailbox_full", 1, 2), True),
        (failures("refused", *range(30)), False),
        ([], False),
    ],
)
def test_bounces_that_repeat_for_long_enough_suppress(found: list[Failure], expected: bool) -> None:
    assert is_repeated(found, RULES, now=NOW) is expected


@pytest.mark.parametrize(
    ("count", "sent", "expected"),
    [
        (1, 3, ""),
        (2, 100, ""),
        (3, 3_000, "alarm"),
        (3, 3_001, ""),
        (3, 100, "alarm"),
        (5, 1_666, "pause"),
        (5, 1_667, "alarm"),
        (30, 10_000, "pause"),
        (29, 10_000, "alarm"),
        (9, 10_000, ""),
    ],
)
def test_complaints_alarm_at_a_thousandth_and_pause_at_three(
    count: int, sent: int, expected: str
) -> None:
    assert rate_level("complaints", count, sent, RULES) == expected


def test_few_bounces_are_no_trend() -> None:
    assert rate_level("hard", 19, 20, RULES) == ""
    assert rate_level("hard", 20, 200, RULES) == "pause"
    assert rate_level("blocked", 20, 400, RULES) == "alarm"


def test_very_many_hard_bounces_at_one_provider_are_a_spike() -> None:
    assert not is_bounce_spike(19, 19)
    assert is_bounce_spike(20, 79)
    assert not is_bounce_spike(20, 80)
