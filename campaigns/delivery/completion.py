"""How a campaign ends: everybody got it, or those who are waiting do not get it any more."""

from datetime import datetime

import sqlalchemy as sa

from campaigns.campaign import lifecycle
from campaigns.campaign.models import OPEN_STATES, Campaign, Delivery
from campaigns.db import db, rows_changed

BATCH_SIZE = 10_000
"""Deliveries marked in one transaction."""


def cancel(campaign_id: int, *, now: datetime) -> bool:
    """Send nothing more. Deliveries that wait are `cancelled`; those on the wire finish.

    Of very many, most are marked by the sweep: none of them can be sent any more, and nobody has
    to wait for it.
    """
    cancelled = lifecycle.cancel(campaign_id, now=now)
    if cancelled:
        cancel_waiting(campaign_id, now=now)
    return cancelled


def mark_unknown(campaign_id: int, *, now: datetime) -> bool:
    """End a campaign that is on hold after a restore; deliveries that wait are `unknown`."""
    ended = lifecycle.mark_unknown(campaign_id, now=now)
    if ended:
        cancel_waiting(campaign_id, now=now)
    return ended


def cancel_waiting(campaign_id: int, *, now: datetime) -> bool:
    """Mark who is waiting in a cancelled campaign, and what its workers give back later.

    One batch. Returns whether there may be more: the sweep continues with them.
    """
    if not lifecycle.lock_cancelled(campaign_id):
        return False  # somebody sends the remaining
    # Of a restored database nobody knows whether they were mailed after the backup.
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
        .subquery()
    )
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id == waiting.c.id, Delivery.status == "queued")
        .values(status=status, reason=reason, not_before=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) >= BATCH_SIZE


def finish(campaign_id: int, *, now: datetime) -> bool:
    """Mark a campaign as sent once no delivery of it is open. Returns whether this call did."""
    # Lock first, then look: whoever queues deliveries again holds this lock meanwhile.
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
    """Return whether `finish` would finish it: reads only."""
    is_open = sa.select(Delivery.id).where(
        Delivery.campaign_id == campaign_id, Delivery.status.in_(OPEN_STATES)
    )
    return db.session.scalar(is_open.limit(1)) is None
