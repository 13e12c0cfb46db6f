"""End a campaign: when all deliveries are complete, or by cancelling the waiting ones."""

from datetime import datetime

import sqlalchemy as sa

from campaigns.campaign import lifecycle
from campaigns.campaign.models import OPEN_STATES, Campaign, Delivery
from campaigns.db import db, in_order, rows_changed

BATCH_SIZE = 10_000
"""Deliveries marked in one transaction."""


def cancel(campaign_id: int, *, now: datetime) -> bool:
    """Cancel a campaign. Waiting deliveries become `cancelled`; those on the wire finish.

    The sweep marks most of a large number: none of them can be sent, so nobody has to wait.
    """
    cancelled = lifecycle.cancel(campaign_id, now=now)
    if cancelled:
        cancel_waiting(campaign_id, now=now)
    return cancelled


def mark_unknown(campaign_id: int, *, now: datetime) -> bool:
    """End a campaign that is on hold after a restore; its waiting deliveries become `unknown`."""
    ended = lifecycle.mark_unknown(campaign_id, now=now)
    if ended:
        cancel_waiting(campaign_id, now=now)
    return ended


def cancel_waiting(campaign_id: int, *, now: datetime) -> bool:
    """Mark waiting deliveries of a cancelled campaign, including those released later.

    Marks one batch. Returns whether there may be more, which the sweep marks.
    """
    if not lifecycle.lock_cancelled(campaign_id):
        return False  # someone is sending the rest
    # After a restore it is unknown whether they were sent since the backup.
    is_restored = sa.exists().where(Campaign.id == campaign_id, Campaign.restored_at.is_not(None))
    status, reason = (
        ("unknown", "restored") if db.session.scalar(sa.select(is_restored)) else ("cancelled",) * 2
    )
    waiting = (
        sa.select(Delivery.id)
        .where(
            Delivery.campaign_id == campaign_id, Delivery.status == sa.literal_column("'queued'")
        )
        .limit(BATCH_SIZE)
    )
    some = sa.select(Delivery.id).where(Delivery.id.in_(waiting), Delivery.status == "queued")
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(some)))
        .values(status=status, reason=reason, not_before=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) >= BATCH_SIZE


def finish(campaign_id: int, *, now: datetime) -> bool:
    """Mark a campaign as sent once no delivery of it is open. Returns whether this call did."""
    # Lock first, then check: resends queue deliveries under this lock.
    campaign = sa.select(Campaign.id).where(Campaign.id == campaign_id)
    db.session.execute(campaign.with_for_update(key_share=True))
    is_open = sa.exists().where(
        Delivery.campaign_id == campaign_id, Delivery.status.in_(OPEN_STATES)
    )
    changed = db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "sending", ~is_open)
        .values(status="sent", status_reason="", finished_at=now, updated_at=now)
    )
    return rows_changed(changed) == 1


def is_done(campaign_id: int) -> bool:
    """Return whether `finish` would finish it. Reads only."""
    is_open = sa.select(Delivery.id).where(
        Delivery.campaign_id == campaign_id, Delivery.status.in_(OPEN_STATES)
    )
    return db.session.scalar(is_open.limit(1)) is None
