"""Reasons why email waits: limits, warm-ups and servers."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from campaigns.audience.mailbox_providers import OTHER, name_of
from campaigns.reason import Parameter, Reason
from campaigns.throttling.plan import GroupPlan, Hold, Plan

SHORTEST_TOLD_SECONDS = 5
"""Shortest wait that is shown, in seconds; shorter ones are just the spacing of emails."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_Until = datetime | None
_Explain = Callable[[Plan, str, _Until], Reason]


def hold(kind: str, group: str, plan: Plan, at: datetime, *, now: datetime) -> Hold:
    """Return the hold that a limit causes; `kind` is one of limiter.lua."""
    is_long = (at - now).total_seconds() >= SHORTEST_TOLD_SECONDS
    until = at if is_long else None
    return Hold(_REASONS[kind](plan, group, until), until)


def why_waits(
    plan: Plan, group: str, *, learned: bool, due_at: datetime | None, now: datetime
) -> Reason | None:
    """Return why a mailbox group is slowed, according to the plan.

    `learned`: its server throttles. `due_at`: all its email is deferred until then.
    """
    own = _own(plan, group)
    for until, kind in ((plan.suspended_until, "closed"), (own.suspended_until, "group_closed")):
        if until is not None and until > now:
            return hold(kind, group, plan, until, now=now).why
    if due_at is not None and due_at > now:
        return Reason("hold.retried", _at(due_at))
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
    return None


MAX_SENTENCES = 3


def banner(holds: Mapping[str, Hold]) -> Reason:
    """Return why a campaign is slow, as a few reasons, longest first."""
    ordered = sorted(holds.values(), key=lambda held: held.until or _NEVER, reverse=True)
    reasons = tuple(dict.fromkeys(held.why for held in ordered))
    if len(reasons) == 1:
        return reasons[0]
    shown = {"reasons": reasons[:MAX_SENTENCES]}
    more = len(reasons) - MAX_SENTENCES
    return (
        Reason("hold.several_more", {**shown, "count": more})
        if more > 0
        else Reason("hold.several", shown)
    )


def account_name(plan: Plan) -> str | Reason:
    """Return the name of the account, for the parameter of a reason."""
    return plan.name or Reason("hold.this_account")


def group_name(group: str) -> str | Reason:
    """Return the name of a mailbox group, for the parameter of a reason."""
    return Reason("hold.other_providers") if group == OTHER else name_of(group)


def _at(until: datetime) -> dict[str, Parameter]:
    # To the minute, so that a campaign's reason is written only when its text changes.
    return {"until_at": until.replace(second=0, microsecond=0).isoformat()}


def _limit(code: str, used_up: str, window: str) -> _Explain:
    def explain(plan: Plan, group: str, until: _Until) -> Reason:
        params = {"account": account_name(plan), "count": getattr(plan.windows, window)}
        return Reason(used_up, {**params, **_at(until)}) if until else Reason(code, params)

    return explain


def _closed(plan: Plan, group: str, until: _Until) -> Reason:
    params = {"account": account_name(plan), "why": plan.why}
    if until is None:
        return Reason("hold.account_waits", params)
    return Reason("hold.account_waits_until", {**params, **_at(until)})


def _probe(plan: Plan, group: str, until: _Until) -> Reason:
    return Reason("hold.probe", {"account": account_name(plan), "why": plan.why})


def _warm_up(plan: Plan, group: str, until: _Until) -> Reason:
    return _warming_up(account_name(plan), plan.warm_up_per_day or 0, until)


def _warming_up(name: str | Reason, most: int, until: _Until) -> Reason:
    params: dict[str, Parameter] = {"name": name, "count": most}
    if until is None:
        return Reason("hold.warm_up", params)
    return Reason("hold.warm_up_until", {**params, **_at(until)})


def _slow(plan: Plan, group: str, until: _Until) -> Reason:
    params = {
        "account": account_name(plan),
        "rate_per_second": plan.slow_per_second,
        "why": plan.why,
    }
    return Reason("hold.account_slow", params)


def _account_learned(plan: Plan, group: str, until: _Until) -> Reason:
    return Reason("hold.learned", {"name": account_name(plan)})


def _group_closed(plan: Plan, group: str, until: _Until) -> Reason:
    params = {"group": group_name(group), "why": _own(plan, group).why}
    if until is None:
        return Reason("hold.group_waits", params)
    return Reason("hold.group_waits_until", {**params, **_at(until)})


def _group_rate(plan: Plan, group: str, until: _Until) -> Reason:
    own = _own(plan, group)
    params = {"group": group_name(group), "rate_per_second": own.per_second, "why": own.why}
    return Reason("hold.group_rate", params)


def _learned(plan: Plan, group: str, until: _Until) -> Reason:
    return Reason("hold.learned", {"name": group_name(group)})


def _at_once(plan: Plan, group: str, until: _Until) -> Reason:
    own = _own(plan, group)
    params = {"group": group_name(group), "count": own.at_once, "why": own.why}
    return Reason("hold.at_once", params)


def _group_warm_up(plan: Plan, group: str, until: _Until) -> Reason:
    return _warming_up(group_name(group), _own(plan, group).per_day, until)


def _pace(plan: Plan, group: str, until: _Until) -> Reason:
    return Reason("hold.pace", {"rate_per_second": plan.pace_per_second})


def _turn(plan: Plan, group: str, until: _Until) -> Reason:
    return Reason("hold.turn", {"account": account_name(plan)})


def _own(plan: Plan, group: str) -> GroupPlan:
    return plan.groups.get(group, GroupPlan())


_REASONS: Mapping[str, _Explain] = {
    "closed": _closed,
    "probe": _probe,
    "slow": _slow,
    "account_learned": _account_learned,
    "second": _limit("throttle.limit_second", "hold.second_used_up", "second"),
    "minute": _limit("throttle.limit_minute", "hold.minute_used_up", "minute"),
    "hour": _limit("throttle.limit_hour", "hold.hour_used_up", "hour"),
    "day": _limit("throttle.limit_day", "hold.day_used_up", "day"),
    "warm_up": _warm_up,
    "group_closed": _group_closed,
    "group": _group_rate,
    "learned": _learned,
    "at_once": _at_once,
    "group_warm_up": _group_warm_up,
    "pace": _pace,
    "turn": _turn,
}
