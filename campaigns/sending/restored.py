"""A database that was restored from a backup: recognise it, and hold what it would send again.

A counter in the database advances while campaigns are sent, and copies of it lie outside
(jobs.generation). A database behind its copies is older than mail that has left already: what it
lists as waiting may have been sent. So nothing of it goes out until somebody decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.db import db, insert_ignoring, is_postgresql, new_public_id, rows_changed
from campaigns.sending import lifecycle
from campaigns.sending.models import Campaign, Generation

PAUSED = (
    "The database was restored from a backup while this campaign was being sent. Emails sent after"
    " the backup are not recorded, so some of the remaining recipients may already have it."
)
NOT_STARTED = (
    "The database was restored from a backup taken just before this campaign started. It may have"
    " been sent since. Check with your recipients or your provider before you send it again."
)


@dataclass(frozen=True, slots=True)
class State:
    """How far the database is: the random name it was given once, and its counter."""

    name: str
    number: int


def read() -> State | None:
    """How far the database is at this moment; None before the first `create`."""
    row = db.session.execute(sa.select(Generation.name, Generation.number)).one_or_none()
    return State(*row) if row is not None else None


def create() -> None:
    """Name the database, unless that was done."""
    db.session.execute(insert_ignoring(Generation).values(id=1, name=new_public_id(), number=0))


def advance() -> State:
    """Count on. For a durable transaction: a copy outside may never be ahead of a database that
    only lost its power."""
    if is_postgresql():
        db.session.execute(sa.text("SET LOCAL synchronous_commit TO on"))
    statement = (
        sa.update(Generation)
        .values(number=Generation.number + 1)
        .returning(Generation.name, Generation.number)
        .execution_options(synchronize_session=False)
    )
    return State(*db.session.execute(statement).one())


def restored_at() -> datetime | None:
    """When it was last found out that the database had been restored."""
    return db.session.scalar(sa.select(Generation.restored_at))


def is_anything_open(now: datetime) -> bool:
    """Whether anything would be sent without anybody's doing: under way, or due."""
    due = sa.and_(Campaign.status == "scheduled", Campaign.scheduled_at <= now)
    under_way = Campaign.status.in_(("preparing", "sending"))
    return (
        db.session.scalar(sa.select(Campaign.id).where(sa.or_(under_way, due)).limit(1)) is not None
    )


def hold(above: int, *, now: datetime) -> list[int] | None:
    """Hold every campaign that would be sent, and bring the counter above this number.

    What came due before `now` is asked about by the clock (`schedules.ask`). Gives the ids of the
    campaigns held here; None when another process did it first.
    """
    counted = db.session.execute(
        sa.update(Generation)
        .where(Generation.number <= above)
        .values(number=above + 1, restored_at=now)
        .execution_options(synchronize_session=False)
    )
    if rows_changed(counted) != 1:
        return None
    sending, preparing = _in("sending"), _in("preparing")
    held = [
        campaign_id
        for campaign_id in sending
        if lifecycle.hold_restored(campaign_id, now=now, reason=PAUSED)
    ]
    return held + [
        campaign_id
        for campaign_id in preparing
        if lifecycle.return_to_draft(campaign_id, now=now, reason=NOT_STARTED)
    ]


def _in(status: str) -> Sequence[int]:
    return db.session.scalars(
        sa.select(Campaign.id).where(Campaign.status == status).order_by(Campaign.id)
    ).all()
