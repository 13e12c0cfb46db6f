"""The policy for what comes back: pure, without database or clock.

consequence_of   what a bounce, a complaint or another event means, as the table in docs/bounces.md
is_repeated      whether repeated bounces are enough to suppress an address
rate_level       whether a rate is too high, and for what
is_bounce_spike  whether a mailbox provider bounces implausibly many emails (rule B4)
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from campaigns.events.feedback import Feedback, FeedbackKind
from campaigns.messages import EventKind
from campaigns.providers.classify import ReplyClass

Person = Literal["nothing", "count", "suppress", "unsubscribe"]
"""
nothing      harmless for the subscriber
count        suppress the address if it repeats
suppress     suppress the address at once
unsubscribe  end the subscriptions to the lists of the campaign
"""

Tally = Literal["", "delivered", "hard", "soft", "blocked", "complaints"]
"""What it counts as for the campaign and its account."""
Measure = Literal["complaints", "hard", "blocked"]
"""Rates that are watched."""
MEASURES: tuple[Measure, ...] = ("complaints", "hard", "blocked")


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from an event. `event`: the kind that is recorded; None: nothing is."""

    event: EventKind | None
    person: Person = "nothing"
    tally: Tally = ""


_HARMLESS = Consequence(None)

BOUNCES: Mapping[ReplyClass | Literal[""], Consequence] = {
    "hard": Consequence("bounced", "suppress", "hard"),
    "disabled": Consequence("bounced", "count", "soft"),
    "mailbox_full": Consequence("bounced", "count", "soft"),
    "transient": Consequence("bounced", "count", "soft"),
    "refused": Consequence("bounced", "nothing", "soft"),
    "": Consequence("bounced", "nothing", "soft"),
    "throttle": Consequence("bounced", "nothing", "blocked"),
    "policy": Consequence("bounced", "nothing", "blocked"),
    "content": Consequence("bounced", "nothing", "blocked"),
    "sender": Consequence("bounced", "nothing", "blocked"),
}
"""By the class of the server's reply. Whatever is about the sender never touches a subscriber."""

HARD_CLASSES = ("hard",)
"""Classes of a bounce that reports call hard: the address does not exist."""

COMPLAINTS: Mapping[str, Consequence] = {
    "": Consequence("complained", "suppress", "complaints"),
    "abuse": Consequence("complained", "suppress", "complaints"),
    "opt-out": Consequence("complained", "suppress", "complaints"),
}
"""By the type of the report; all other types are only logged."""

OTHERS: Mapping[FeedbackKind, Consequence] = {
    "delivered": Consequence("delivered", tally="delivered"),
    "deferred": Consequence("deferred"),
    "opened": Consequence("opened"),
    "clicked": Consequence("clicked"),
    "unsubscribed": Consequence("unsubscribed", "unsubscribe"),
}


def consequence_of(feedback: Feedback) -> Consequence:
    """Return what follows from it, if its delivery is known."""
    if feedback.kind == "bounced":
        return BOUNCES[feedback.reply_class]
    if feedback.kind == "complained":
        return COMPLAINTS.get(feedback.feedback_type, _HARMLESS)
    return OTHERS.get(feedback.kind, _HARMLESS)


class FeedbackRules(BaseModel):
    """The rules that a workspace can set; percentages are of emails sent."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    disabled_times: int = Field(default=2, ge=1, le=20)
    full_times: int = Field(default=3, ge=1, le=20)
    soft_times: int = Field(default=5, ge=1, le=50)
    soft_days: int = Field(default=14, ge=0, le=365)
    """Shortest time from the first to the last of several soft bounces, in days."""
    complaint_alarm: float = Field(default=0.1, gt=0, le=100)
    complaint_pause: float = Field(default=0.3, gt=0, le=100)
    bounce_alarm: float = Field(default=5, gt=0, le=100)
    bounce_pause: float = Field(default=10, gt=0, le=100)


@dataclass(frozen=True, slots=True)
class Repeat:
    """How often bounces of these classes have to follow each other, and for how long."""

    classes: frozenset[str]
    times: int
    since: timedelta = timedelta(0)


def repeats(rules: FeedbackRules) -> tuple[Repeat, ...]:
    """Return what leads to a suppression when it repeats. An email that arrives resets it."""
    days = timedelta(days=rules.soft_days)
    return (
        Repeat(frozenset({"disabled"}), rules.disabled_times),
        Repeat(frozenset({"mailbox_full"}), rules.full_times, days),
        Repeat(frozenset({"mailbox_full", "transient"}), rules.soft_times, days),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """An email that bounced since the last one that arrived. `at`: when it was sent."""

    classes: frozenset[str]
    at: datetime


def is_repeated(failures: Collection[Failure], rules: FeedbackRules, *, now: datetime) -> bool:
    """Return whether these failures in a row, in any order, are enough to suppress the address."""
    for rule in repeats(rules):
        times = [one.at for one in failures if one.classes & rule.classes]
        if len(times) >= rule.times and min(times) <= now - rule.since:
            return True
    return False


# --- rates ----------------------------------------------------------------------------------------

Level = Literal["", "alarm", "pause"]

FEWEST: Mapping[Measure, Mapping[Level, int]] = {
    "complaints": {"alarm": 3, "pause": 5},
    "hard": {"alarm": 20, "pause": 20},
    "blocked": {"alarm": 20, "pause": 20},
}
"""Numbers below which a rate says nothing: one complaint of three emails is no trend."""


def limit_of(measure: Measure, level: Literal["alarm", "pause"], rules: FeedbackRules) -> float:
    """Return the rate in percent from which there is an alarm or a pause."""
    if measure == "complaints":
        return rules.complaint_alarm if level == "alarm" else rules.complaint_pause
    return rules.bounce_alarm if level == "alarm" else rules.bounce_pause


def rate_level(measure: Measure, count: int, sent: int, rules: FeedbackRules) -> Level:
    """Return what follows from this many of the emails sent."""
    levels: tuple[Literal["pause", "alarm"], ...] = ("pause", "alarm")
    for level in levels:
        limit = limit_of(measure, level, rules)
        if count >= FEWEST[measure][level] and count * 100 >= limit * sent:
            return level
    return ""


SPIKE_BOUNCES = 20
SPIKE_SHARE = 0.25
SPIKE_MINUTES = 10


def is_bounce_spike(bounces: int, sent: int) -> bool:
    """Return whether this number of hard bounces within `SPIKE_MINUTES` is implausible.

    `sent`: emails of the campaign that the same mailbox provider has accepted.
    """
    return bounces >= SPIKE_BOUNCES and bounces > SPIKE_SHARE * sent
