"""A sending campaign by mailbox group: sent, waiting, and rates."""

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.campaign.models import Delivery
from campaigns.db import db

RATE_OVER = timedelta(seconds=60)
SHORTEST = timedelta(seconds=1)
MAX_KEPT = 50


@dataclass(frozen=True, slots=True)
class GroupCount:
    """One mailbox group of a campaign.

    `deferred`: waiting deliveries that were tried already. `due_at`: the earliest time, if
    everything is deferred; None if some may be sent now.
    """

    group: str
    sent: int = 0
    waiting: int = 0
    deferred: int = 0
    failed: int = 0
    rate: float | None = None
    """Recent messages per second. None: unknown."""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """All deliveries of a campaign, counted in one snapshot.

    `statuses`: the number in each status. `groups`: largest first. `totals`: the rows of each
    group, which are fixed with the audience.
    """

    statuses: Mapping[str, int]
    groups: Sequence[GroupCount]
    totals: Mapping[str, int]


def tally(campaign_id: int, totals: Mapping[str, int] | None = None) -> Tally:
    """Count in one statement. With the `totals` of an earlier count it is several times faster.

    Then the groups of sent rows need not be read.
    """
    queued: dict[str, Any] = {}
    counts: dict[str, Counter[str]] = {}
    deferred: Counter[str] = Counter()
    for row in db.session.execute(_statement(campaign_id, by_group=totals is None)):
        if row.status == _DEFERRED:
            deferred[row.mailbox_group] = row.rows
            continue
        if row.status == "queued":
            queued[row.mailbox_group] = row
        counts.setdefault(row.mailbox_group, Counter())[row.status] = row.rows
    statuses = sum(counts.values(), Counter())
    if totals is None:
        totals = {group: found.total() for group, found in counts.items()}
    else:
        if statuses.total() != sum(totals.values()):
            return tally(campaign_id)  # the rows have changed
        counts.pop(_ALL, None)
        for group, total in totals.items():
            found = counts.setdefault(group, Counter())
            found["sent"] = total - found.total()
    groups = [_group(group, counts[group], deferred[group], queued.get(group)) for group in totals]
    groups.sort(key=lambda row: (-totals[row.group], row.group))
    return Tally(dict(statuses), groups, totals)


def _group(group: str, counts: Counter[str], deferred: int, queued: Any) -> GroupCount:
    is_all_postponed = queued is not None and queued.postponed == queued.rows
    return GroupCount(
        group,
        sent=counts["sent"],
        waiting=counts["queued"] + counts["sending"],
        deferred=deferred,
        failed=counts["failed"],
        due_at=queued.due_at if is_all_postponed else None,
    )


_ALL = ""
_DEFERRED = "deferred"
_RARE = ("sending", "failed", "skipped", "held", "cancelled", "unknown")
# Literals: otherwise the databases do not use the partial indexes.
_IS_QUEUED = Delivery.status == sa.literal_column("'queued'")
_NO_REASON: sa.ColumnElement[str] = sa.literal_column("''")
# Redundant, but this form lets SQLite use a range of its index.
_HAS_REASON = sa.and_(Delivery.reason != _NO_REASON, Delivery.reason > _NO_REASON)
_MOMENT = Delivery.not_before.type
_COUNT = sa.func.count().label("rows")
_NONE_POSTPONED: tuple[Any, ...] = (
    sa.literal(0).label("postponed"),
    sa.cast(sa.null(), _MOMENT).label("due_at"),
)


def _statement(campaign_id: int, *, by_group: bool) -> sa.CompoundSelect[Any]:
    """Select rows of (mailbox_group, status, rows, postponed, due_at).

    Queued and sent deliveries are read from indexes only, unless sent ones are wanted `by_group`;
    all others are few. Deferred ones are included in queued and listed again.
    """
    mine = Delivery.campaign_id == campaign_id
    group = Delivery.mailbox_group
    queued = (
        sa.select(
            group,
            sa.literal("queued").label("status"),
            _COUNT,
            sa.func.count(Delivery.not_before).label("postponed"),
            sa.func.min(Delivery.not_before, type_=_MOMENT).label("due_at"),
        )
        .where(mine, _IS_QUEUED)
        .group_by(group)
    )
    others = (
        sa.select(group, Delivery.status, _COUNT, *_NONE_POSTPONED)
        .where(mine, Delivery.status.in_(_RARE))
        .group_by(group, Delivery.status)
    )
    whose = group if by_group else sa.literal(_ALL).label("mailbox_group")
    sent = sa.select(whose, sa.literal("sent").label("status"), _COUNT, *_NONE_POSTPONED).where(
        mine, Delivery.status == "sent"
    )
    # Starts from the few rows with a reason: appending '' to the status keeps the databases from
    # reading all queued rows.
    deferred = (
        sa.select(group, sa.literal(_DEFERRED).label("status"), _COUNT, *_NONE_POSTPONED)
        .where(mine, _HAS_REASON, Delivery.status.concat("") == "queued")
        .group_by(group)
    )
    return sa.union_all(queued, others, sent.group_by(group) if by_group else sent, deferred)


# --- rates ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    at: datetime
    sent: Mapping[str, int]


class Speeds:
    """Recent counts of this process, from which rates are computed."""

    def __init__(self) -> None:
        self._seen: dict[int, deque[_Seen]] = {}
        self._lock = threading.Lock()

    def add(
        self, campaign_id: int, groups: Sequence[GroupCount], *, at: datetime
    ) -> Sequence[GroupCount]:
        """Add the groups counted at this time. Returns them with their recent rates."""
        with self._lock:
            first = self._remember(campaign_id, _Seen(at, {row.group: row.sent for row in groups}))
        passed = at - first.at
        if passed < SHORTEST:
            return groups
        return [
            replace(
                row,
                rate=max(0, row.sent - first.sent.get(row.group, 0)) / passed.total_seconds(),
            )
            for row in groups
        ]

    def _remember(self, campaign_id: int, newest: _Seen) -> _Seen:
        """Remember a count, and return the one to compute rates from."""
        seen = self._seen.pop(campaign_id, deque())  # moved to the end, as the latest
        edge = newest.at - RATE_OVER
        if seen and seen[-1].at < edge:
            seen.clear()  # nobody looked for a while: old counts say nothing about the current rate
        if not newest.sent:  # sending has not begun: exclude the time before
            return newest
        if not seen or seen[-1].at < newest.at:
            seen.append(newest)
        while len(seen) > 1 and seen[1].at <= edge:
            seen.popleft()
        self._seen[campaign_id] = seen
        while len(self._seen) > MAX_KEPT:
            self._seen.pop(next(iter(self._seen)))
        return seen[0]
