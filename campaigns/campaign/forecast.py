"""Forecast the shortest time that a campaign takes under its limits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, repeat

import sqlalchemy as sa

from campaigns.campaign import audience
from campaigns.db import db
from campaigns.reason import Reason
from campaigns.throttling import warm_up
from campaigns.throttling.hold_reasons import account_name, group_name
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import GroupPlan, Plan

WORTH_TELLING = timedelta(minutes=1)
LONGEST_PLAN = 1000
_WINDOWS = (
    ("second", "throttle.limit_second", timedelta(seconds=1)),
    ("minute", "throttle.limit_minute", timedelta(minutes=1)),
    ("hour", "throttle.limit_hour", timedelta(hours=1)),
    ("day", "throttle.limit_day", timedelta(days=1)),
)


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The limit that slows a campaign most, and the resulting time."""

    reason: Reason
    takes: timedelta


def slowest(
    provider_id: int, campaign_id: int, recipients: int, *, now: datetime
) -> Bottleneck | None:
    """Return the account's limit that slows this campaign most; None if none matters.

    Raises AudienceError.
    """
    plan = load_plan(provider_id, now=now)
    today = now.astimezone(plan.zone).date()
    coming = {
        group: warm_up.steps_of(row)[warm_up.day_of(row, today) :]
        for group, row in warm_up.plans(provider_id).items()
    }
    people: Mapping[str, int] = {}
    if any(own.per_second or own.per_day for own in plan.groups.values()):
        people = people_by_group(campaign_id, now=now)
    return tightest(plan, recipients, people, coming)


def tightest(
    plan: Plan, recipients: int, people: Mapping[str, int], coming: Mapping[str, Sequence[int]]
) -> Bottleneck | None:
    """Return the limit that takes longest.

    `people`: recipients per mailbox group, for groups with limits. `coming`: the warm-up caps of
    the next days by mailbox group; '' is the account's.
    """
    found = [*_of_account(plan, recipients, coming.get("", ()))]
    for group, own in plan.groups.items():
        found += _of_group(group, own, people.get(group, 0), coming.get(group, ()))
    longest = max(found, key=lambda bottleneck: bottleneck.takes, default=None)
    return longest if longest is not None and longest.takes >= WORTH_TELLING else None


def _of_account(plan: Plan, recipients: int, steps: Sequence[int]) -> Iterable[Bottleneck]:
    name = account_name(plan)
    for window, code, length in _WINDOWS:
        most = getattr(plan.windows, window)
        if most:
            takes = max(0, recipients - most) / most * length
            yield Bottleneck(Reason(code, {"account": name, "count": most}), takes)
    if plan.warm_up_per_day is not None and steps:
        yield _warm_up(name, recipients, steps)


def _of_group(group: str, own: GroupPlan, count: int, steps: Sequence[int]) -> Iterable[Bottleneck]:
    name = group_name(group)
    if own.per_second:
        takes = timedelta(seconds=count / own.per_second)
        params = {"group": name, "rate_per_second": own.per_second}
        yield Bottleneck(Reason("throttle.group_rate", params), takes)
    if own.per_day and steps:
        yield _warm_up(name, count, steps)


def _warm_up(name: str | Reason, count: int, steps: Sequence[int]) -> Bottleneck:
    reason = Reason("throttle.warm_up_begins", {"name": name, "count": steps[0]})
    return Bottleneck(reason, _warming_up(count, steps))


def _warming_up(count: int, steps: Sequence[int]) -> timedelta:
    """Return how many days it takes after the first; once the plan ends, there is no cap."""
    for day, most in enumerate(chain(steps, repeat(count, 1))):
        count -= most
        if count <= 0 or day >= LONGEST_PLAN:
            return timedelta(days=day)
    return timedelta(0)


def people_by_group(campaign_id: int, *, now: datetime) -> dict[str, int]:
    """Count the recipients by mailbox group. Raises AudienceError."""
    person = audience.audience(audience.scope_of(campaign_id, now=now)).subquery()
    rows = db.session.execute(
        sa.select(person.c.mailbox_group, sa.func.count())
        .where(~person.c.is_suppressed)
        .group_by(person.c.mailbox_group)
    )
    return dict(iter(rows))
