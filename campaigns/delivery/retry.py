"""What is done after a refusal or a delay: the policy. Pure: no database, no clock.

decide       what becomes of one delivery, by the class of the reply and its story so far
not_before   when it is due again, a little different for each delivery
pause_for    whether the campaign or the account has to stop, by the last results
is_flood     whether so many are suddenly "unknown" that it cannot be true (B4)
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
"""Waits in minutes after the first, second ... try; the last one repeats."""
_OF_THE_WAY: dict[ReplyClass, tuple[int, int]] = {
    "throttle": (5, 240),
    "policy": (60, 24 * 60),
    "sender": (1, 60),
}
"""Shortest and longest wait, in minutes, where the try does not count: it doubles with time."""
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
    """How long and how often to retry, and when to stop."""

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
    """The limits as this installation has set them."""
    return Limits(
        retry_hours=settings.retry_hours,
        flood_refusals=settings.flood_refusals,
        flood_share=settings.flood_percent / 100,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery that was not taken.

    `reason` is a word of delivery.reasons. `wait` is the time until the next try, without its
    jitter, when `status` is queued. `counts`: whether this try is one of the recipient's; where
    it is not, the delivery goes back as it was. `is_bounce`: the address itself is in doubt, so
    `events.policy.bounce` has to look at it.
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
    """What becomes of a delivery after this reply.

    `attempts` are the tries that count, this one included; `first_tried_at` is when it was put
    off first (None: never before). `is_final`: the server said 5xx, so this message is not
    offered to the same recipient again (S10). `asked`: so long the server asks us to wait (W4).
    """
    if reply_class in _FINAL:
        reason, blame = _FINAL[reply_class]
        return Verdict("failed", reason, blame, is_bounce=blame == "recipient")
    age = max(now - first_tried_at, timedelta(0)) if first_tried_at else timedelta(0)
    left = timedelta(hours=limits.retry_hours) - age
    if reply_class in _OF_THE_WAY:
        return _of_the_way(reply_class, age, left, asked)
    return _of_the_moment(reply_class, attempts, left, limits, is_final=is_final, asked=asked)


def _of_the_way(
    reply_class: ReplyClass, age: timedelta, left: timedelta, asked: timedelta
) -> Verdict:
    """The way to the mailbox is at fault: the delivery waits, and nothing counts against it."""
    reason = _REASONS[reply_class]
    blame: Blame = "campaign" if reply_class == "policy" else "provider"
    if left <= timedelta(0) and reply_class == "policy":
        return Verdict("held", reason, blame, counts=False)
    if left <= timedelta(0) and reply_class == "throttle":
        return Verdict("failed", "gave_up", blame, counts=False)
    shortest, longest = (timedelta(minutes=minutes) for minutes in _OF_THE_WAY[reply_class])
    wait = max(min(max(age, shortest), longest), asked)
    if reply_class != "sender":  # an account may be mended a week later
        wait = _within(wait, left)
    return Verdict("queued", reason, blame, wait, counts=False)


def _of_the_moment(
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
    """The last try comes when the time is up, not hours after it."""
    return min(wait, max(left, timedelta(minutes=1)))


def not_before(verdict: Verdict, delivery_id: int, now: datetime) -> datetime:
    """When this delivery is due again: up to a quarter later than the verdict says.

    Spread by its id, so that ten thousand put off at once do not come back at once. Never
    earlier than said: a server that asked for five minutes gets five.
    """
    share = zlib.crc32(f"{delivery_id}:{now.timestamp()}".encode()) / 2**32
    return now + verdict.wait * (1 + share / 4)


# --- when the sending itself has to stop -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """The last results of a campaign (some hundreds at most): how many of each class.

    `results` counts all of them, with those that were taken. `since_start`: how many results
    the campaign has had in all.
    """

    results: int
    classes: Mapping[ReplyClass, int]
    since_start: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """What has to stop, and why."""

    what: Literal["campaign", "provider"]
    reason: Reason


FEWEST_BLOCKED = 3
FEWEST_CONTENT = 5
BLOCKED_SHARE = 0.10


def pause_for(tally: Tally, words: Mapping[ReplyClass, str], limits: Limits) -> Pause | None:
    """Whether something has to stop. `words`: the latest reply of each class, as it was said.

    One refusal of our own account is enough. A block of the sender or its network stops the
    campaign when it is no whim of a single server: three of them, and a tenth of the results.
    Refused content stops it while it is young, that is within its first 500 results.
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


def _pause(code: str, count: int, tally: Tally, reply: str) -> Pause:
    params = {"count": count, "results": tally.results, "reply": reply}
    return Pause("campaign", Reason(code, params))


def is_flood(refusals: int, results: int, limits: Limits) -> bool:
    """Whether so many "no such mailbox" of one mailbox group at once are not to be believed.

    Counted over the group's last results, at most `flood_results` and `flood_minutes` old.
    """
    return refusals >= limits.flood_refusals and refusals > limits.flood_share * results
