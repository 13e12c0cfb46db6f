"""Current values that tests read back from the database."""

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db
from campaigns.reports.balance import Balance, campaign_balances


def fresh_campaign(campaign: Campaign | int) -> Campaign:
    """The campaign as stored now, not as read earlier in this session."""
    db.session.rollback()
    return db.session.get_one(Campaign, _id(campaign), populate_existing=True)


def campaign_status(campaign: Campaign | int) -> str:
    return fresh_campaign(campaign).status


def delivery_statuses(campaign: Campaign | int | None = None) -> list[str]:
    """The status of every delivery, oldest first."""
    db.session.rollback()
    query = sa.select(Delivery.status).order_by(Delivery.id)
    return list(db.session.scalars(query.where(*_of(campaign))))


def delivery_counts(campaign: Campaign | int | None = None) -> dict[str, int]:
    """The number of deliveries in each status."""
    db.session.rollback()
    query = sa.select(Delivery.status, sa.func.count()).group_by(Delivery.status)
    rows = db.session.execute(query.where(*_of(campaign)))
    return {status: count for status, count in rows}  # noqa: C416


def campaign_balance(campaign_id: int) -> Balance:
    """The balance of a campaign, which shows whether every recipient has one outcome."""
    return campaign_balances([campaign_id]).get(campaign_id, Balance())


def _of(campaign: Campaign | int | None) -> list[sa.ColumnElement[bool]]:
    return [] if campaign is None else [Delivery.campaign_id == _id(campaign)]


def _id(campaign: Campaign | int) -> int:
    return campaign if isinstance(campaign, int) else campaign.id
