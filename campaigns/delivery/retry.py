"""The policy after a refusal or a delay. Pure: no database, no clock.

decide            the outcome of a delivery, by the class of the reply and its history
not_before        when it is due again, with jitter
pause_for         whether the campaign or account must pause, by the last results
is_refusal_spike  whether a mailbox group reports implausibly many missing mailboxes (B4)
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from campaigns.config import Settings
from campaigns.providers.classify import ReplyClass
from campaigns.reason import Reason

Blame = Literal["recipient", "provider", "campaign", "nobody"]

_MINUTES: dict[ReplyClass, tuple[int, ...]] = {
    "transient": (5, 15, 30, 60, 120, 240),
    "mailbox_full": (60, 120, 240),
}
"""Waits in minutes after the first, second ... attempt; the last one repeats."""
_ACCOUNT_WAITS: dict[ReplyClass, tuple[int, int]] = {
    "throttle": (5, 240),
    "policy": (60, 24 * 60),
    "sender": (1, 60),
}
"""Shortest and longest wait in minutes if the account is at fault; the wait doubles with time."""
_FINAL: dict[ReplyClass, tuple[str, Blame]] = {
    "hard": ("no_mailbox", "recipient"),
    "disabled": ("disabled", "recipient"),
    "content": ("content", "campaign"),
    "refused": ("refused", "nobody"),
}
_BLAMED: dict[ReplyClass, Blame] = {"mailbox_full": "recipient", "transient": "nobody"}
_REASONS: dict[ReplyClass, str] = {
    "transient": "deferred",
    "mailbox_full": "mailbox_full",
    "throttle": "throttled",
    "policy": "blocked",
    "sender": "sender_refused",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for retries and for stopping."""

    retry_hours: float = 48
    tries: int = 20
    full_tries: int = 5
    flood_refusals: int = 20
    flood_share: float = 0.25
    flood_results: int = 200
    flood_minutes: float = 10
    content_share: float = 0.05
    content_results: int = 500


def limits_of(settings: Settings) -> Limits:
    """Return the limits that this installation has set."""
    return Limits(
        retry_hours=settings.retry_hours,
        flood_refusals=settings.flood_refusals,
        flood_share=settings.flood_percent / 100,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a delivery that was not accepted.

    `reason` is a word of delivery.reasons. `wait` is the time until the next attempt, without
    jitter, if `status` is queued. `counts`: whether the attempt counts against the recipient.
    `is_bounce`: the address may be bad, so `events.refusals.bounce` has to decide.
    """

    status: Literal["queued", "failed", "held"]
    reason: str
    blame: Blame
    wait: timedelta = timedelta(0)
    counts: bool = True
    is_bounce: bool = False


def decide(
    reply_class: ReplyClass,
    attempts: int,
    first_tried_at: datetime | None,
    now: datetime,
    limits: Limits,
    *,
    is_final: bool = False,
    asked: timedelta = timedelta(0),
) -> Verdict:
    """Decide the outcome of a delivery after this reply.

    `attempts` are the attempts that count, including this one; `first_tried_at` is when it was
    first deferred (None: never). `is_final`: the server replied 5xx, so this message is not offered
    to the recipient again (rule S10). `asked`: the wait that the server asked for (rule W4).
    """
    if reply_class in _FINAL:
        reason, blame = _FINAL[reply_class]
        return Verdict("failed", reason, blame, is_bounce=blame == "recipient")
    age = max(now - first_tried_at, timedelta(0)) if first_tried_at else timedelta(0)
    left = timedelta(hours=limits.retry_hours) - age
    if reply_class in _ACCOUNT_WAITS:
        return _account_fault(reply_class, age, left, asked)
    return _temporary(reply_class, attempts, left, limits, is_final=is_final, asked=asked)


def _account_fault(
    reply_class: ReplyClass, age: timedelta, left: timedelta, asked: timedelta
) -> Verdict:
    """Let a delivery wait because its account is at fault; the attempt does not count."""
    reason = _REASONS[reply_class]
    blame: Blame = "campaign" if reply_class == "policy" else "provider"
    if left <= timedelta(0) and reply_class == "policy":
        return Verdict("held", reason, blame, counts=False)
    if left <= timedelta(0) and reply_class == "throttle":
        return Verdict("failed", "gave_up", blame, counts=False)
    shortest, longest = (timedelta(minutes=minutes) for minutes in _ACCOUNT_WAITS[reply_class])
    wait = max(min(max(age, shortest), longest), asked)
    if reply_class != "sender":  # an account may be repaired a week later
        wait = _within(wait, left)
    return Verdict("queued", reason, blame, wait, counts=False)


def _temporary(
    reply_class: ReplyClass,
    attempts: int,
    left: timedelta,
    limits: Limits,
    *,
    is_final: bool,
    asked: timedelta,
) -> Verdict:
    blame = _BLAMED[reply_class]
    is_full = reply_class == "mailbox_full"
    tries = limits.full_tries if is_full else limits.tries
    if is_final or attempts >= tries or left <= timedelta(0):
        given_up = "refused" if is_final else "gave_up"
        return Verdict("failed", "mailbox_full" if is_full else given_up, blame, is_bounce=is_full)
    waits = _MINUTES[reply_class]
    wait = max(timedelta(minutes=waits[min(max(attempts, 1), len(waits)) - 1]), asked)
    return Verdict("queued", _REASONS[reply_class], blame, _within(wait, left))


def _within(wait: timedelta, left: timedelta) -> timedelta:
    """Shorten a wait so that the last attempt comes at the time limit, not hours after it."""
    return min(wait, max(left, timedelta(minutes=1)))


def not_before(verdict: Verdict, delivery_id: int, now: datetime) -> datetime:
    """Return when this delivery is due again: up to a quarter later than the verdict says.

    The jitter depends on its id, so that ten thousand deferred at once do not come back at once.
    Never earlier: a server that asked for five minutes gets five.
    """
    share = zlib.crc32(f"{delivery_id}:{now.timestamp()}".encode()) / 2**32
    return now + verdict.wait * (1 + share / 4)


# --- pausing a campaign or account -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecentResults:
    """The last results of a campaign (some hundreds at most): how many of each class.

    `results` counts all of them, including accepted messages. `since_start`: how many results the
    campaign has had in all.
    """

    results: int
    classes: Mapping[ReplyClass, int]
    since_start: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """What to pause, and why."""

    what: Literal["campaign", "provider"]
    reason: Reason


FEWEST_BLOCKED = 3
FEWEST_CONTENT = 5
BLOCKED_SHARE = 0.10


def pause_for(
    tally: RecentResults, words: Mapping[ReplyClass, str], limits: Limits
) -> Pause | None:
    """Return what to pause, if anything. `words`: the latest reply of each class.

    A single refusal of our own account is enough. Blocks of the sender or its network pause the
    campaign if there are at least three, and more than a tenth of the results. Refused content
    pauses it only within its first 500 results.
    """
    if tally.classes.get("sender"):
        return Pause(
            "provider", Reason("status.sender_refused", {"reply": words.get("sender", "")})
        )
    blocked = tally.classes.get("policy", 0)
    if blocked >= FEWEST_BLOCKED and blocked > BLOCKED_SHARE * tally.results:
        return _pause("status.blocked", blocked, tally, words.get("policy", ""))
    refused = tally.classes.get("content", 0)
    is_young = tally.since_start <= limits.content_results
    if is_young and refused >= FEWEST_CONTENT and refused > limits.content_share * tally.results:
        return _pause("status.content_refused", refused, tally, words.get("content", ""))
    return None


def _pause(code: str, count: int, tally: RecentResults, reply: str) -> Pause:
    params = {"count": count, "results": tally.results, "reply": reply}
    return Pause("campaign", Reason(code, params))


def is_refusal_spike(refusals: int, results: int, limits: Limits) -> bool:
    """Return whether a mailbox group reports implausibly many missing mailboxes.

    Counts the group's last `flood_results` results, at most `flood_minutes` old.
    """
    return refusals >= limits.flood_refusals and refusals > limits.flood_share * results
