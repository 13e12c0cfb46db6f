"""Why mail waits, in sentences for people."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from campaigns import formatting
from campaigns.audience.mailbox_providers import OTHER, name_of
from campaigns.throttling.plan import GroupPlan, Hold, Plan

SHORTEST_TOLD_SECONDS = 5
"""A wait shorter than this is only the even spacing of mails: no time is told for it."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_Sentence = Callable[[Plan, str, str], str]


def hold(kind: str, group: str, plan: Plan, at: datetime, *, now: datetime) -> Hold:
    """The hold that a limit of this kind makes until then (`kind`: a word of limiter.lua)."""
    is_long = (at - now).total_seconds() >= SHORTEST_TOLD_SECONDS
    until = at if is_long else None
    return Hold(_SENTENCES[kind](plan, group, _clock(at, plan, now) if until else ""), until)


def why_waits(
    plan: Plan, group: str, *, learned: bool, due_at: datetime | None, now: datetime
) -> str:
    """Why a mailbox group gets less than it might, as far as the plan tells; '' if it does not.

    `learned`: its server throttles. `due_at`: all its mail was put off until then.
    """
    own = _own(plan, group)
    for until, kind in ((plan.suspended_until, "closed"), (own.suspended_until, "group_closed")):
        if until is not None and until > now:
            return hold(kind, group, plan, until, now=now).why
    if due_at is not None and due_at > now:
        return f"Tried again at {_clock(due_at, plan, now)}."
    for applies, kind in (
        (plan.probe, "probe"),
        (plan.slow_per_second, "slow"),
        (own.per_second, "group"),
        (learned, "learned"),
        (own.at_once, "at_once"),
        (own.per_day, "group_warm_up"),
    ):
        if applies:
            return hold(kind, group, plan, now, now=now).why
    return ""


MOST_SENTENCES = 3


def banner(holds: Mapping[str, Hold]) -> str:
    """Why a campaign is slow, in a few sentences: what lasts longest first."""
    ordered = sorted(holds.values(), key=lambda held: held.until or _NEVER, reverse=True)
    sentences = list(dict.fromkeys(held.why for held in ordered))
    more = len(sentences) - MOST_SENTENCES
    return " ".join(sentences[:MOST_SENTENCES]) + (f" And {more} more." if more > 0 else "")


def _clock(at: datetime, plan: Plan, now: datetime) -> str:
    local = at.astimezone(plan.zone)
    if local.date() == now.astimezone(plan.zone).date():
        return formatting.time(local, formatting.DEFAULT_LOCALE)
    return formatting.short_date_time(local, formatting.DEFAULT_LOCALE)


def _account(plan: Plan) -> str:
    return plan.name or "The account"


def _goes_on(at: str) -> str:
    return f" It goes on by itself at {at}." if at else ""


def _closed(plan: Plan, group: str, at: str) -> str:
    return f"{_account(plan)} waits{_until(at)}{_because(plan.why)}"


def _probe(plan: Plan, group: str, at: str) -> str:
    return (
        f"{_account(plan)} did not work a moment ago{_because(plan.why)} One message"
        " at a time finds out whether it works again."
    )


def _window(words: str, name: str) -> _Sentence:
    def say(plan: Plan, group: str, at: str) -> str:
        most = getattr(plan.windows, name)
        text = f"{_account(plan)} may send {most:,} {'mail' if most == 1 else 'mails'} {words}"
        return f"{text}; they are used up.{_goes_on(at)}" if at else f"{text}."

    return say


def _warm_up(plan: Plan, group: str, at: str) -> str:
    most = plan.warm_up_per_day or 0
    return (
        f"{_account(plan)} is being warmed up: at most {most:,} mails in 24 hours for now."
        f"{_goes_on(at)}"
    )


def _slow(plan: Plan, group: str, at: str) -> str:
    return f"{_account(plan)} gets {rate(plan.slow_per_second)}{_because(plan.why)}"


def _account_learned(plan: Plan, group: str, at: str) -> str:
    return f"{_account(plan)} asked us to slow down: it gets less for a while, then slowly more."


def _group_closed(plan: Plan, group: str, at: str) -> str:
    return f"{_group(group)} waits{_until(at)}{_because(_own(plan, group).why)}"


def _group_rate(plan: Plan, group: str, at: str) -> str:
    own = _own(plan, group)
    return f"{_group(group)} gets {rate(own.per_second)}{_because(own.why)}"


def _learned(plan: Plan, group: str, at: str) -> str:
    return f"{_group(group)} asked us to slow down: it gets less for a while, then slowly more."


def _at_once(plan: Plan, group: str, at: str) -> str:
    own = _own(plan, group)
    mails = "one mail" if own.at_once == 1 else f"{own.at_once} mails"
    return f"{_group(group)} gets {mails} at the same moment{_because(own.why)}"


def _group_warm_up(plan: Plan, group: str, at: str) -> str:
    most = _own(plan, group).per_day
    return (
        f"{_group(group)} is being warmed up: at most {most:,} mails in 24 hours for now."
        f"{_goes_on(at)}"
    )


def _pace(plan: Plan, group: str, at: str) -> str:
    return f"The campaign keeps to its pace of {rate(plan.pace_per_second)}."


def _turn(plan: Plan, group: str, at: str) -> str:
    return f"{_account(plan)} serves other campaigns as well, in turn."


def _until(at: str) -> str:
    return f" until {at}" if at else ""


def _because(why: str) -> str:
    if not why:
        return "."
    return f": {why}" if why.endswith(("?", "!")) else f": {why.rstrip('.')}."


def _own(plan: Plan, group: str) -> GroupPlan:
    return plan.groups.get(group, GroupPlan())


def _group(group: str) -> str:
    return "Every other mailbox" if group == OTHER else name_of(group)


def rate(per_second: float) -> str:
    return formatting.speed(per_second, formatting.DEFAULT_LOCALE)


_SENTENCES: dict[str, _Sentence] = {
    "closed": _closed,
    "probe": _probe,
    "slow": _slow,
    "account_learned": _account_learned,
    "second": _window("a second", "second"),
    "minute": _window("a minute", "minute"),
    "hour": _window("an hour", "hour"),
    "day": _window("in 24 hours", "day"),
    "warm_up": _warm_up,
    "group_closed": _group_closed,
    "group": _group_rate,
    "learned": _learned,
    "at_once": _at_once,
    "group_warm_up": _group_warm_up,
    "pace": _pace,
    "turn": _turn,
}
