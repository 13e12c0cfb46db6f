"""After a crash: settle what a dead worker had claimed."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db, rows_changed
from campaigns.messages import SendResult
from campaigns.sending.dispatch import record
from campaigns.sending.journal import Story
from campaigns.sending.models import Campaign, Delivery

HOST_LOST_AFTER = timedelta(minutes=15)
"""So long after its lease a claim without a journal here is given up: its host is gone."""


def settle(token: str, story: Story, *, now: datetime) -> None:
    """Settle one orphaned claim by its journal.

    Known replies are recorded, bodies without a reply become `unknown` and are never sent again
    silently, what was not begun goes back to the queue.
    """
    fates = [SendResult(number, "unknown", scope="connection") for number in sorted(story.unknown)]
    results = [*story.results.values(), *fates]
    record(token, results, now=now, unknown_reason="lost_worker")


def settle_lost_hosts(*, now: datetime) -> int:
    """Claims whose lease ran out long ago and whose journal nobody has found: `unknown`.

    Their host is gone with its disk; whether the bodies left cannot be known, so nothing of
    them is queued again. Returns the number of deliveries.
    """
    result = db.session.execute(
        sa.update(Delivery)
        .where(*_of_lost_hosts(now))
        .values(
            status="unknown",
            reason="lost_worker",
            claim_token=None,
            lease_until=None,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result)


def has_lost_hosts(*, now: datetime) -> bool:
    """Whether `settle_lost_hosts` would find anything: a look without a writing unit."""
    return (
        db.session.scalar(sa.select(Delivery.id).where(*_of_lost_hosts(now)).limit(1)) is not None
    )


def _of_lost_hosts(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Delivery.claim_token.is_not(None),
        Delivery.status == "sending",
        Delivery.lease_until < now - HOST_LOST_AFTER,
    )


def preparing() -> list[int]:
    """Campaigns whose expansion was asked for and is not done."""
    return list(db.session.scalars(sa.select(Campaign.id).where(Campaign.status == "preparing")))


def sending() -> list[int]:
    """Campaigns that are being sent, the one that waited longest first."""
    statement = (
        sa.select(Campaign.id).where(Campaign.status == "sending").order_by(Campaign.updated_at)
    )
    return list(db.session.scalars(statement))


def cancelled_with_waiting() -> list[int]:
    """Cancelled campaigns to which a worker gave rows back after the cancellation."""
    waiting = sa.exists().where(
        Delivery.campaign_id == Campaign.id, Delivery.status == sa.literal_column("'queued'")
    )
    recently = sa.select(Campaign.id).where(Campaign.status == "cancelled", waiting)
    return list(db.session.scalars(recently))
