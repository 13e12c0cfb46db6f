"""Estimate when a campaign will finish. Pure arithmetic.

Mailbox groups are sent to in parallel, under the limit of their account. A slow or waiting group
does not delay others, which use its share. The last group determines the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf

from campaigns.reports.groups import GroupCount
from campaigns.throttling.plan import GroupPlan, Plan

FURTHEST = timedelta(days=365)
SLOW = 0.5
"""Fraction of an equal share below which a group counts as slow."""
CLEARLY_LATER = 1.1


@dataclass(frozen=True, slots=True)
class Draining:
    """A group with its remaining messages, its largest rate and its earliest time."""

    group: str
    left: float
    most: float = inf
    begins: datetime | None = None


@dataclass(frozen=True, slots=True)
class Eta:
    """The estimated end. `slowest`: the mailbox group that determines it clearly, else ''."""

    at: datetime
    slowest: str = ""


def eta_of(
    rows: Sequence[GroupCount],
    plan: Plan,
    *,
    speed: float | None,
    learned: dict[str, float],
    used_of_day: int,
    has_worker: bool = True,
    now: datetime,
) -> Eta | None:
    """Estimate when a sending campaign will finish; None if unknown.

    It is unknown while no worker is running, or the account's server is down. `speed`: the
    campaign's recent rate, or its average if it pauses. `learned`: learned rates, if known.
    """
    if plan.is_down or not has_worker:
        return None
    waiting = [row for row in rows if row.waiting]
    total = sum(row.waiting for row in waiting)
    cap = cap_of(plan, total)
    whole = min(cap, speed) if speed else cap
    if not waiting or not 0 < whole < inf:
        return None
    share = whole / len(waiting)
    draining = [_draining(row, plan, learned.get(row.group, 0.0), share, now) for row in waiting]
    found = drain(draining, whole, now=now)
    if found is None:
        return None
    by_day = now + over_the_day(total, plan, used_of_day)
    found = found if found.at >= by_day else Eta(by_day)
    return found if found.at - now <= FURTHEST else None


def cap_of(plan: Plan, total: int) -> float:
    """Return the highest long-term rate of the account, in messages per second."""
    windows = plan.windows
    caps = [windows.second, windows.minute / 60, plan.slow_per_second, plan.pace_per_second]
    caps += [windows.hour / 3600 if total > windows.hour else 0.0]
    return min((cap for cap in caps if cap), default=inf)


def over_the_day(total: int, plan: Plan, used: int) -> timedelta:
    """Return the shortest time that a daily limit allows for this many messages."""
    limits = [most for most in (plan.windows.day, plan.warm_up_per_day or 0) if most]
    if not limits:
        return timedelta(0)
    most = min(limits)
    later = total - max(0, most - used)
    return timedelta(days=max(0, later) / most)


def drain(groups: Sequence[Draining], whole: float, *, now: datetime) -> Eta | None:
    """Simulate the groups at this total rate; None if they never finish."""
    at, left = now, [group for group in groups if group.left > 0]
    ends: list[tuple[datetime, str]] = []
    while left:
        going = [group for group in left if group.begins is None or group.begins <= at]
        starts = min((g.begins for g in left if g.begins and g.begins > at), default=None)
        speeds = _share(going, whole)
        through = min(
            (group.left / speeds[group.group] for group in going if speeds[group.group] > 0),
            default=inf,
        )
        if starts is not None:
            through = min(through, (starts - at).total_seconds())
        if through > FURTHEST.total_seconds():
            return None
        at += timedelta(seconds=through)
        rest = []
        for group in left:
            remaining = group.left - through * speeds.get(group.group, 0.0)
            if remaining > 1e-6 * group.left:
                rest.append(replace(group, left=remaining))
            else:
                ends.append((at, group.group))
        left = rest
    return _last(ends, now)


def _share(going: Sequence[Draining], whole: float) -> dict[str, float]:
    """Return equal shares; what one group cannot use goes to the others."""
    speeds: dict[str, float] = {}
    for done, group in enumerate(sorted(going, key=lambda group: group.most)):
        speeds[group.group] = min(group.most, whole / (len(going) - done))
        whole -= speeds[group.group]
    return speeds


def _last(ends: Sequence[tuple[datetime, str]], now: datetime) -> Eta | None:
    if not ends:
        return None
    at, group = ends[-1]
    before = ends[-2][0] if len(ends) > 1 else at
    return Eta(at, group if at - now > CLEARLY_LATER * (before - now) else "")


def _draining(row: GroupCount, plan: Plan, learned: float, share: float, now: datetime) -> Draining:
    own = plan.groups.get(row.group, GroupPlan())
    begins = [moment for moment in (own.suspended_until, plan.suspended_until, row.due_at)
              if moment is not None and moment > now]  # fmt: skip
    limits = [own.per_second, learned, own.per_day / 86_400 if row.waiting > own.per_day else 0.0]
    if row.rate and row.rate < SLOW * share and not begins:
        limits.append(row.rate)
    most = min((limit for limit in limits if limit), default=inf)
    return Draining(row.group, row.waiting, most, max(begins, default=None))
