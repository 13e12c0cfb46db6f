"""Hold what a database restored from a backup would send again.

A counter in the database advances while email is sent, and copies of it are kept elsewhere
(engine.restore_guard). A database behind its copies is older than email already sent: what it lists
as waiting may have been sent. So nothing waiting is sent until someone decides.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from campaigns.campaign import lifecycle, schedule
from campaigns.campaign.models import Campaign, CampaignSeries, Claim, Delivery, Generation
from campaigns.db import db, in_order, insert_ignoring, is_postgresql, new_public_id, rows_changed
from campaigns.delivery.models import ResendRun
from campaigns.reason import Reason
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail

PAUSED = Reason("status.restored")
NOT_STARTED = Reason("status.restored_draft")


@dataclass(frozen=True, slots=True)
class HeldItems:
    """What was put on hold: ids of campaigns, and the number of transactional emails."""

    campaigns: list[int]
    emails: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Numbers of what waits for a decision after a restore.

    `campaigns`: on hold while being sent; `scheduled`: came due between the backup and now;
    `emails`: to single people.
    """

    campaigns: int
    scheduled: int
    emails: int


@dataclass(frozen=True, slots=True)
class State:
    """State of a database: its random name, and its counter."""

    name: str
    number: int


def read() -> State | None:
    """Return the current state; None before the first `create`."""
    row = db.session.execute(sa.select(Generation.name, Generation.number)).one_or_none()
    return State(*row) if row is not None else None


def create() -> None:
    """Give the database a name, unless it has one."""
    db.session.execute(insert_ignoring(Generation).values(id=1, name=new_public_id(), number=0))


def advance() -> State:
    """Increment the counter, and make the transaction durable.

    Otherwise the copies would be ahead of the database after a power cut.
    """
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
    """Return when a restore was last detected."""
    return db.session.scalar(sa.select(Generation.restored_at))


def is_anything_open(now: datetime) -> bool:
    """Return whether anything would be sent automatically: in progress, waiting, or due."""
    under_way = Campaign.status.in_(("preparing", "sending"))
    series_due = sa.and_(CampaignSeries.next_run_at <= now, CampaignSeries.ended_at.is_(None))
    looks = (
        sa.select(Campaign.id).where(sa.or_(under_way, _is_due(now))),
        sa.select(CampaignSeries.id).where(series_due),
        sa.select(ResendRun.campaign_id),
        queue.waiting(),
    )
    return any(db.session.scalar(look.limit(1)) is not None for look in looks)


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(Campaign.status == "scheduled", Campaign.scheduled_at <= now)


def hold(above: int, *, now: datetime) -> HeldItems | None:
    """Hold everything that would be sent, and raise the counter above this number.

    The clock asks about campaigns that came due before `now` (`schedule.ask`). Returns None if
    another process was first.
    """
    counted = db.session.execute(
        sa.update(Generation)
        .where(Generation.number <= above)
        .values(number=above + 1, restored_at=now)
        .execution_options(synchronize_session=False)
    )
    if rows_changed(counted) != 1:
        return None
    on_hold = lifecycle.hold_restored(now=now, reason=PAUSED)
    drafts = lifecycle.return_restored_to_draft(now=now, reason=NOT_STARTED)
    _end_claims(now)
    # A resend in progress: the rest of it may have been sent.
    db.session.execute(sa.delete(ResendRun).where(ResendRun.what != "left"))
    due = db.session.scalars(sa.select(Campaign.id).where(_is_due(now))).all()
    return HeldItems([*on_hold, *drafts, *due], queue.hold_restored())


def _end_claims(now: datetime) -> None:
    """Mark as unknown what workers had claimed when the backup was made."""
    claimed = sa.select(Claim.campaign_id).distinct()
    db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id.in_(claimed))
        .values(updated_at=now)
        .execution_options(synchronize_session=False)
    )
    sending = sa.select(Delivery.id).where(
        Delivery.campaign_id.in_(claimed), Delivery.status == "sending"
    )
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(sending)))
        .values(status="unknown", reason="restored", not_before=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(sa.delete(Claim).execution_options(synchronize_session=False))


def waiting_for_decision() -> Waiting:
    """Return what is on hold after a restore."""
    row = db.session.execute(
        sa.select(
            _count(Campaign.id, lifecycle.ON_HOLD),
            _count(Campaign.id, schedule.MAY_BE_SENT),
            _count(TransactionalEmail.id, queue.HELD),
        )
    ).one()
    return Waiting(*row)


def _count(column: InstrumentedAttribute[int], condition: sa.ColumnElement[bool]) -> sa.Label[int]:
    return sa.select(sa.func.count(column)).where(condition).scalar_subquery().label(None)
