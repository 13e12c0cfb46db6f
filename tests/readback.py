"""Current values that tests read back from the database."""

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db
from campaigns.reports.balance import Balance, campaign_balances


def fresh_campaign(campaign_id: int) -> Campaign:
    """The campaign as stored now, not as read earlier in this session."""
    db.session.rollback()
    return db.session.get_one(Campaign, campaign_id, populate_existing=True)


def campaign_status(campaign_id: int) -> str:
    return fresh_campaign(campaign_id).status


def delivery_statuses() -> list[str]:
    """The status of every delivery, oldest first."""
    db.session.rollback()
    return list(db.session.scalars(sa.select(Delivery.status).order_by(Delivery.id)))


def delivery_counts(campaign_id: int) -> dict[str, int]:
    """The number of deliveries of a campaign in each status."""
    db.session.rollback()
    rows = db.session.execute(
        sa.select(Delivery.status, sa.func.count())
        .where(Delivery.campaign_id == campaign_id)
        .group_by(Delivery.status)
    )
    return {status: count for status, count in rows}  # noqa: C416


def campaign_balance(campaign_id: int) -> Balance:
    """The balance of a campaign, which shows whether every recipient has one outcome."""
    return campaign_balances([campaign_id]).get(campaign_id, Balance())
