"""Stored counts of large subjects, shared by all pages and processes.

Counting a million rows takes part of a second, and pages poll every other second. A snapshot is
consistent and shown with its time. It can be deleted at any time, and is then counted again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.campaign.models import Campaign
from campaigns.db import database_now, db, upsert
from campaigns.reports.models import KeptCount

Subject = Literal["campaign", "list", "list_history", "people"]
FRESHNESS_FACTOR = 10
"""A snapshot is fresh for this many times the duration of its count, which limits the load."""
VISIT_FACTOR = 10
"""Factor by which counts are more frequent while a page shows them."""
BATCH_SIZE = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Stored figures. `age`: time since the count, by the database's clock.

    `is_current`: the campaign's state has not changed since. `lasts`: time after which it is
    counted again even without visitors.
    """

    is_current: bool
    at: datetime
    age: timedelta
    lasts: timedelta
    seconds: float
    figures: Mapping[str, Any]
    details: Mapping[str, Any]

    @property
    def new_for(self) -> timedelta:
        """Age up to which it is fresh."""
        took = timedelta(seconds=self.seconds)
        return max(self.lasts / VISIT_FACTOR, FRESHNESS_FACTOR * took)

    @property
    def is_new(self) -> bool:
        """Whether the snapshot is fresh."""
        return self.age < self.new_for


@dataclass(frozen=True, slots=True)
class Counted:
    """New figures. `lasts`: time after which they are counted again even without visitors."""

    lasts: timedelta
    figures: Mapping[str, Any]
    state: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def moment(now: datetime) -> datetime:
    """Return the current time, by the clock that ages are measured with."""
    return db.session.execute(sa.select(database_now(now))).scalar_one()


def state_of(status: str | None, updated_at: datetime | None) -> str:
    """Return the state of a campaign, for its snapshot; empty for other subjects."""
    return f"{status} {updated_at.isoformat()}" if status and updated_at else ""


def load(
    subject: Subject, ids: Collection[int], *, now: datetime, with_details: bool = False
) -> dict[int, Snapshot]:
    """Return the snapshots of these."""
    details = KeptCount.details if with_details else sa.literal(None, KeptCount.details.type)
    rows = db.session.execute(
        sa.select(
            KeptCount.subject_id,
            KeptCount.state,
            KeptCount.counted_at,
            KeptCount.due_at,
            KeptCount.seconds,
            KeptCount.figures,
            details.label("details"),
            database_now(now).label("now"),
            Campaign.status,
            Campaign.updated_at,
        )
        .outerjoin(
            Campaign, sa.and_(KeptCount.subject == "campaign", Campaign.id == KeptCount.subject_id)
        )
        .where(KeptCount.subject == subject, KeptCount.subject_id.in_(ids))
    )
    return {
        row.subject_id: Snapshot(
            is_current=row.state == state_of(row.status, row.updated_at),
            at=row.counted_at,
            age=row.now - row.counted_at,
            lasts=row.due_at - row.counted_at,
            seconds=row.seconds,
            figures=row.figures,
            details=row.details or {},
        )
        for row in rows
    }


def store(
    subject: Subject, subject_id: int, counted: Counted, *, at: datetime, seconds: float
) -> None:
    """Store figures, unless later ones are stored already."""
    # A count too slow to be repeated sooner is not due sooner either.
    lasts = max(counted.lasts, FRESHNESS_FACTOR * timedelta(seconds=seconds))
    values = {
        "state": counted.state,
        "counted_at": at,
        "seconds": seconds,
        "due_at": at + lasts,
        "figures": dict(counted.figures),
        "details": dict(counted.details),
    }
    statement = upsert(KeptCount).values(subject=subject, subject_id=subject_id, **values)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["subject", "subject_id"],
            set_=values,
            where=KeptCount.counted_at < at,
        )
    )


def forget(subject: Subject, subject_id: int) -> None:
    """Delete the snapshots of a subject."""
    db.session.execute(
        sa.delete(KeptCount).where(KeptCount.subject == subject, KeptCount.subject_id == subject_id)
    )


def due(now: datetime) -> list[tuple[str, int]]:
    """Return what is due for counting even without visitors, a few at a time."""
    rows = db.session.execute(
        sa.select(KeptCount.subject, KeptCount.subject_id)
        .where(KeptCount.due_at <= database_now(now))
        .order_by(KeptCount.due_at)
        .limit(BATCH_SIZE)
    )
    return [(row.subject, row.subject_id) for row in rows]
