"""A campaign by mailbox provider, while it is sent: what left, what waits, how fast.

To count a million rows takes a while, and the page asks every other second, maybe in several
windows. So one count serves all who look, and no more than a part of the time is spent counting.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db
from campaigns.sending.models import Delivery

RATE_OVER = timedelta(seconds=60)
SHORTEST = timedelta(seconds=1)
FRESH = timedelta(seconds=1.5)
"""So long a count is new enough for everybody."""
PART_OF_THE_TIME = 20
"""A count that took long is shown so many times as long, before there is another one."""
MOST_KEPT = 50


@dataclass(frozen=True, slots=True)
class GroupCount:
    """One mailbox group of a campaign.

    `deferred` of those that wait were tried already. `due_at`: before that moment nothing of
    it can go, as everything was put off; None when something may go now.
    """

    group: str
    sent: int = 0
    waiting: int = 0
    deferred: int = 0
    failed: int = 0
    rate: float | None = None
    """Sent a second, lately. None: too little is known."""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Counted:
    at: datetime
    rows: list[GroupCount]


@dataclass(slots=True)
class _Seen:
    """What is known of one campaign."""

    totals: Mapping[str, int]
    total: int
    counts: deque[_Counted] = field(default_factory=deque)
    again_at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Watch:
    """The counts of campaigns that are looked at. One for each process."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def look(self, campaign_id: int, total: int, *, now: datetime) -> list[GroupCount]:
        """The mailbox groups of a campaign of so many rows, those with most of them first."""
        seen = self._seen.get(campaign_id)
        if seen is None or seen.total != total:
            seen = _Seen(_totals(campaign_id), total)
            self._seen[campaign_id] = seen
            while len(self._seen) > MOST_KEPT:
                self._seen.pop(next(iter(self._seen)))
        with seen.lock:
            if seen.again_at is None or now >= seen.again_at:
                self._count(campaign_id, seen, now)
            return _with_rates(seen)

    def _count(self, campaign_id: int, seen: _Seen, now: datetime) -> None:
        begun = time.perf_counter()
        rows = _count_groups(campaign_id, seen.totals)
        took = timedelta(seconds=time.perf_counter() - begun)
        seen.again_at = now + max(FRESH, PART_OF_THE_TIME * took)
        while len(seen.counts) > 1 and seen.counts[1].at <= now - RATE_OVER:
            seen.counts.popleft()
        if seen.counts and seen.counts[-1].at < now - RATE_OVER:
            seen.counts.clear()  # nobody looked for a while: its speed of then is not today's
        seen.counts.append(_Counted(now, rows))


def _with_rates(seen: _Seen) -> list[GroupCount]:
    first, last = seen.counts[0], seen.counts[-1]
    passed = last.at - first.at
    if passed < SHORTEST:
        return last.rows
    before = {row.group: row.sent for row in first.rows}
    return [
        GroupCount(
            row.group, row.sent, row.waiting, row.deferred, row.failed,
            max(0, row.sent - before.get(row.group, 0)) / passed.total_seconds(),
            row.due_at,
        )
        for row in last.rows
    ]  # fmt: skip


def _totals(campaign_id: int) -> Mapping[str, int]:
    """The rows of each group: they are fixed with the audience, so they are counted once."""
    rows = db.session.execute(
        sa.select(Delivery.mailbox_group, sa.func.count())
        .where(Delivery.campaign_id == campaign_id)
        .group_by(Delivery.mailbox_group)
    )
    return dict(iter(rows))


_RARE = ("sending", "failed", "skipped", "held", "cancelled", "unknown")


def _count_groups(campaign_id: int, totals: Mapping[str, int]) -> list[GroupCount]:
    """What is not sent is counted, by indexes; the others must be."""
    queued = {row.mailbox_group: row for row in _queued(campaign_id)}
    others: dict[str, Counter[str]] = {group: Counter() for group in totals}
    for group, status, count in _others(campaign_id):
        others.setdefault(group, Counter())[status] = count
    deferred = _deferred(campaign_id)
    found = []
    for group, total in totals.items():
        row = queued.get(group)
        waits = row.waits if row is not None else 0
        is_put_off = row is not None and row.put_off == waits
        found.append(
            GroupCount(
                group,
                sent=max(0, total - waits - others[group].total()),
                waiting=waits + others[group]["sending"],
                deferred=deferred.get(group, 0),
                failed=others[group]["failed"],
                due_at=row.due_at if row is not None and is_put_off else None,
            )
        )
    return sorted(found, key=lambda row: (-totals[row.group], row.group))


# Written out, not bound: only so do both databases see that the partial indexes fit.
_IS_QUEUED = Delivery.status == sa.literal_column("'queued'")
_HAS_REASON = Delivery.reason != sa.literal_column("''")


def _queued(campaign_id: int) -> sa.Result[str, int, int, datetime]:
    return db.session.execute(
        sa.select(
            Delivery.mailbox_group,
            sa.func.count().label("waits"),
            sa.func.count(Delivery.not_before).label("put_off"),
            sa.func.min(Delivery.not_before).label("due_at"),
        )
        .where(Delivery.campaign_id == campaign_id, _IS_QUEUED)
        .group_by(Delivery.mailbox_group)
    )


def _others(campaign_id: int) -> sa.Result[str, str, int]:
    return db.session.execute(
        sa.select(Delivery.mailbox_group, Delivery.status, sa.func.count())
        .where(Delivery.campaign_id == campaign_id, Delivery.status.in_(_RARE))
        .group_by(Delivery.mailbox_group, Delivery.status)
    )


def _deferred(campaign_id: int) -> dict[str, int]:
    """Queued with a reason: tried, and put off. Begins at the (few) rows with a reason.

    The empty text added to the status keeps the databases from going over all that is queued.
    """
    rows = db.session.execute(
        sa.select(Delivery.mailbox_group, sa.func.count())
        .where(
            Delivery.campaign_id == campaign_id,
            _HAS_REASON,
            Delivery.status.concat("") == "queued",
        )
        .group_by(Delivery.mailbox_group)
    )
    return dict(iter(rows))
