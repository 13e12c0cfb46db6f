"""Counts of large things, kept for all pages, windows and processes that look.

To count a million rows takes part of a second, and pages ask every other second. A kept count is
shown together with its moment; it is of one moment in itself. It can be thrown away at any time:
whoever finds none counts.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.campaign.models import Campaign
from campaigns.db import database_now, db, upsert
from campaigns.reports.models import KeptCount

Subject = Literal["campaign", "list", "people"]
PART_OF_THE_TIME = 10
"""A count is new for so many times as long as it took: no more of the time goes into counting."""
SOONER = 10
"""Where somebody looks, it is counted so many times as often as by itself."""
BATCH_SIZE = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Figures as they were counted. `age`: since then, by the clock of the database.

    `is_current`: the campaign is still in the state in which it was counted. `lasts`: the time
    after which it is counted again though nobody looks.
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
        """Age up to which it is new enough for everybody."""
        took = timedelta(seconds=self.seconds)
        return max(self.lasts / SOONER, PART_OF_THE_TIME * took)

    @property
    def is_new(self) -> bool:
        """Whether the snapshot is still current."""
        return self.age < self.new_for


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted just now. `lasts`: the time it is kept though nobody looks."""

    lasts: timedelta
    figures: Mapping[str, Any]
    state: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def moment(now: datetime) -> datetime:
    """This moment, by the clock by which ages are measured."""
    return db.session.execute(sa.select(database_now(now))).scalar_one()


def state_of(status: str | None, updated_at: datetime | None) -> str:
    """The state of a campaign, for its kept count; empty for what is none."""
    return f"{status} {updated_at.isoformat()}" if status and updated_at else ""


def load(
    subject: Subject, ids: Collection[int], *, now: datetime, with_details: bool = False
) -> dict[int, Snapshot]:
    """What is kept of these."""
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
    """Keep it, unless one of a later moment is kept already."""
    # What takes so long that it may not be counted more often is not due more often either.
    lasts = max(counted.lasts, PART_OF_THE_TIME * timedelta(seconds=seconds))
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
    """Return what is due for counting even if nobody looked, a few at a time."""
    rows = db.session.execute(
        sa.select(KeptCount.subject, KeptCount.subject_id)
        .where(KeptCount.due_at <= database_now(now))
        .order_by(KeptCount.due_at)
        .limit(BATCH_SIZE)
    )
    return [(row.subject, row.subject_id) for row in rows]
