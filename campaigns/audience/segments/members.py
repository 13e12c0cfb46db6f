"""Who is in a segment: count them, show a few, page through them.

Rules about people, lists and tags are counted exactly. Rules about behaviour read deliveries, of
which there may be ten million; they are counted range by range, in random order, and what was
counted within the time allowed gives an estimate.
"""

import math
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.workspace import workspace_zone
from campaigns.audience.fields.models import Field
from campaigns.audience.mailbox_providers import OTHER
from campaigns.audience.models import MailDomain, Subscriber
from campaigns.audience.paging import PAGE_SIZE, Page, fetch
from campaigns.audience.segments import compile as compiler
from campaigns.audience.segments import references
from campaigns.audience.segments.leaves import Context, Ids
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import Group
from campaigns.db import db, numbers_at_once

BUDGET_SECONDS = 1.5
"""Time for a count that may be an estimate."""
RANGE_SIZE = 5_000
"""Number of ids that are counted at once for an estimate."""
MIN_RANGES = 4
"""Smallest number of ranges that gives a meaningful margin."""
MIN_PARALLEL = 20_000
"""Number of ids that are worth a second thread."""
SAMPLE_SIZE = 10
_SURE = 1.96
"""Standard errors within which 95% of all estimates lie."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of people. `margin` is None for an exact count, else its 95% margin."""

    people: int
    margin: int | None = None


def context_at(now: datetime) -> Context:
    """Read what conditions depend on."""
    fields = db.session.execute(sa.select(Field.key, Field.type)).all()
    segments = db.session.execute(sa.select(Segment.id, Segment.rules)).all()
    return Context(
        now=now,
        zone=workspace_zone(),
        fields={row.key: row.type for row in fields},
        segments={row.id: row.rules for row in segments},
    )


def selected(root: Group, context: Context) -> sa.Select[Any]:
    """Select the subscribers in a segment, of those that the context asks about.

    Raises RulesError if the rules cannot be used.
    """
    references.check(root, context)
    return _selected(root, context)


def _selected(root: Group, context: Context) -> sa.Select[Any]:
    return sa.select(Subscriber).where(
        context.within(Subscriber.id), compiler.checked_condition(root, context)
    )


# --- Count


def count(root: Group, context: Context, *, budget_seconds: float = BUDGET_SECONDS) -> Count:
    """Count the people in a segment, of those that the context asks about.

    Rules about behaviour are estimated if they cannot be counted within the time. With more time
    the margin gets smaller. Raises RulesError if the rules cannot be used.
    """
    references.check(root, context)
    everyone = _id_range(context)
    if everyone is None:
        return Count(0)
    if not compiler.is_behaviour(root, context):
        parts = _split(everyone, _threads(everyone))
        return Count(sum(_numbers(root, context, parts)))
    return _estimate(root, context, everyone, budget_seconds)


def _id_range(context: Context) -> Ids | None:
    """Return the range of ids in use; None without people."""
    first, last = db.session.execute(
        sa.select(
            sa.select(sa.func.min(Subscriber.id)).scalar_subquery(),
            sa.select(sa.func.max(Subscriber.id)).scalar_subquery(),
        )
    ).one()
    if last is None:
        return None
    if context.ids is not None:
        first, last = max(first, context.ids.first), min(last, context.ids.last)
    return Ids(first, last) if first <= last else None


def _threads(ids: Ids) -> int:
    if ids.last - ids.first < MIN_PARALLEL:
        return 1
    return len(os.sched_getaffinity(0))


def _split(ids: Ids, parts: int) -> list[Ids]:
    """Return ranges of about equal size that together cover `ids`."""
    size = math.ceil((ids.last - ids.first + 1) / parts)
    return [
        Ids(first, min(first + size - 1, ids.last))
        for first in range(ids.first, ids.last + 1, size)
    ]


def _numbers(root: Group, context: Context, parts: Sequence[Ids]) -> list[int]:
    """Count each range."""
    return numbers_at_once(
        [
            _selected(root, replace(context, ids=ids)).with_only_columns(
                sa.func.count(), maintain_column_froms=True
            )
            for ids in parts
        ]
    )


def _estimate(root: Group, context: Context, everyone: Ids, budget_seconds: float) -> Count:
    until = time.monotonic() + budget_seconds
    ranges = _shuffled(everyone)
    at_once = _threads(everyone)
    counted: list[int] = []
    while len(counted) < len(ranges):
        if len(counted) >= MIN_RANGES and time.monotonic() >= until:
            return _projected(counted, len(ranges))
        some = ranges[len(counted) : len(counted) + at_once]
        counted += _numbers(root, context, some)
    return Count(sum(counted))


def _shuffled(everyone: Ids) -> list[Ids]:
    """Return small ranges that together cover everyone, in a fixed random order.

    So a count with more time continues where the shorter one ended, and its result does not
    jump about.
    """
    ranges = _split(everyone, math.ceil((everyone.last - everyone.first + 1) / RANGE_SIZE))
    random.Random(len(ranges)).shuffle(ranges)  # noqa: S311
    return ranges


def _projected(counted: Sequence[int], ranges: int) -> Count:
    """Project the numbers of some ranges to all of them (a cluster sample)."""
    share = len(counted) / ranges
    error = math.sqrt(statistics.variance(counted) / len(counted) * (1 - share)) * ranges
    # The rule of three: finding nobody allows 3 / (ranges counted) people per uncounted range.
    least = 3 * (1 - share) / share
    return Count(round(sum(counted) / share), math.ceil(max(_SURE * error, least)))


def by_mailbox_provider(
    root: Group, context: Context, *, budget_seconds: float = BUDGET_SECONDS / 3
) -> Mapping[str, int]:
    """Return how many people of a segment use each mailbox provider, the largest first.

    Numbers are projected from random people if there is no time to count all. Raises RulesError.
    """
    references.check(root, context)
    everyone = _id_range(context)
    if everyone is None:
        return {}
    until = time.monotonic() + budget_seconds
    ranges = _shuffled(everyone)
    found: Counter[str] = Counter()
    read = 0
    while read < len(ranges) and (read < MIN_RANGES or time.monotonic() < until):
        found.update(_providers(root, replace(context, ids=ranges[read])))
        read += 1
    return {group: round(people * len(ranges) / read) for group, people in found.most_common()}


def _providers(root: Group, context: Context) -> dict[str, int]:
    group = sa.func.coalesce(MailDomain.mailbox_group, OTHER)
    found = (
        _selected(root, context)
        .outerjoin(MailDomain, MailDomain.domain == Subscriber.domain)
        .with_only_columns(group, sa.func.count())
        .group_by(group)
    )
    return {row[0]: row[1] for row in db.session.execute(found)}


# --- Show


def sample(
    root: Group,
    context: Context,
    *,
    limit: int = SAMPLE_SIZE,
    budget_seconds: float = BUDGET_SECONDS,
) -> list[Subscriber]:
    """Return a few people of a segment, newest first.

    Reads larger and larger ranges of people. If few are in the segment, it may return fewer when
    the time is up. Raises RulesError.
    """
    references.check(root, context)
    until = time.monotonic() + budget_seconds
    found: list[Subscriber] = []
    for ids in _growing(_id_range(context)):
        newest = _selected(root, replace(context, ids=ids)).order_by(Subscriber.id.desc())
        found += db.session.scalars(newest.limit(limit - len(found)))
        if len(found) >= limit or time.monotonic() >= until:
            break
    return found


def _growing(everyone: Ids | None) -> Iterator[Ids]:
    """Yield ranges that together cover everyone: the newest first, each larger than the last."""
    if everyone is None:
        return
    last, size = everyone.last, RANGE_SIZE
    while last >= everyone.first:
        first = max(everyone.first, last - size + 1)
        yield Ids(first, last)
        last, size = first - 1, 2 * size


def page(
    root: Group,
    context: Context,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE_SIZE,
) -> Page[Subscriber]:
    """Return one page of the people in a segment, newest first. The keys are ids.

    Raises RulesError.
    """
    return fetch(
        selected(root, context),
        sa.type_coerce(Subscriber.id, sa.BigInteger),
        name="id",
        descending=True,
        before=before,
        after=after,
        size=size,
    )
