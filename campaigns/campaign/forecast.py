"""Before anything is sent: how long the limits make a campaign take at least."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, repeat

import sqlalchemy as sa

from campaigns.audience.mailbox_providers import OTHER, name_of
from campaigns.campaign import audience
from campaigns.db import db
from campaigns.throttling import warm_up
from campaigns.throttling.hold_reasons import rate
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import GroupPlan, Plan

WORTH_TELLING = timedelta(minutes=1)
LONGEST_PLAN = 1000
_WINDOWS = (
    ("second", "a second", timedelta(seconds=1)),
    ("minute", "a minute", timedelta(minutes=1)),
    ("hour", "an hour", timedelta(hours=1)),
    ("day", "a day", timedelta(days=1)),
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What is slowest, in words ("Relay may send at most 500 a day"), and how long that takes."""

    words: str
    takes: timedelta


def slowest(provider_id: int, campaign_id: int, recipients: int, *, now: datetime) -> Bound | None:
    """The limit of an account that makes this campaign take longest; None when none matters."""
    plan = load_plan(provider_id, now=now)
    today = now.astimezone(plan.zone).date()
    coming = {
        group: warm_up.steps_of(row)[warm_up.day_of(row, today) :]
        for group, row in warm_up.plans(provider_id).items()
    }
    people: Mapping[str, int] = {}
    if any(own.per_second or own.per_day for own in plan.groups.values()):
        people = _by_group(campaign_id)
    return tightest(plan, recipients, people, coming)


def tightest(
    plan: Plan, recipients: int, people: Mapping[str, int], coming: Mapping[str, Sequence[int]]
) -> Bound | None:
    """Of all limits the one that takes longest.

    `people`: how many there are of each mailbox group, where these have limits of their own.
    `coming`: the warm-ups' caps of the next days, by mailbox group; '' is the account's.
    """
    found = [*_of_account(plan, recipients, coming.get("", ()))]
    for group, own in plan.groups.items():
        found += _of_group(group, own, people.get(group, 0), coming.get(group, ()))
    longest = max(found, key=lambda bound: bound.takes, default=None)
    return longest if longest is not None and longest.takes >= WORTH_TELLING else None


def _of_account(plan: Plan, recipients: int, steps: Sequence[int]) -> Iterable[Bound]:
    name = plan.name or "The account"
    for window, words, length in _WINDOWS:
        most = getattr(plan.windows, window)
        if most:
            takes = max(0, recipients - most) / most * length
            yield Bound(f"{name} may send at most {most:,} {words}", takes)
    if plan.warm_up_per_day is not None and steps:
        words = f"{name} is being warmed up: at most {steps[0]:,} on the first day, then more"
        yield Bound(words, _warming_up(recipients, steps))


def _of_group(group: str, own: GroupPlan, count: int, steps: Sequence[int]) -> Iterable[Bound]:
    name = "Every other mailbox" if group == OTHER else name_of(group)
    if own.per_second:
        takes = timedelta(seconds=count / own.per_second)
        yield Bound(f"{name} gets at most {rate(own.per_second)}", takes)
    if own.per_day and steps:
        words = f"{name} is being warmed up: at most {steps[0]:,} on the first day, then more"
        yield Bound(words, _warming_up(count, steps))


def _warming_up(count: int, steps: Sequence[int]) -> timedelta:
    """The days after the first; beyond the plan's end its last cap holds no more."""
    for day, most in enumerate(chain(steps, repeat(count, 1))):
        count -= most
        if count <= 0 or day >= LONGEST_PLAN:
            return timedelta(days=day)
    return timedelta(0)


def _by_group(campaign_id: int) -> dict[str, int]:
    person = audience.audience(campaign_id).subquery()
    rows = db.session.execute(
        sa.select(person.c.mailbox_group, sa.func.count())
        .where(~person.c.is_suppressed)
        .group_by(person.c.mailbox_group)
    )
    return dict(iter(rows))
