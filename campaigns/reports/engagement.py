"""Opens, clicks and unsubscribes by campaign, link and hour."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.campaign.models import ENGAGED, CampaignLink, Delivery
from campaigns.db import Mapped, db
from campaigns.events.models import Event

CURVE_HOURS = 48


@dataclass(frozen=True, slots=True)
class Engagement:
    """Numbers of recipients with at least one such event."""

    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    bounced: int = 0
    complained: int = 0


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """A tracked link: `clicks` in total, `people` who clicked it."""

    number: int
    target: str
    clicks: int
    people: int


@dataclass(frozen=True, slots=True)
class Hour:
    """First opens and first clicks in one hour; `number` 0 is the first after the start."""

    number: int
    opened: int
    clicked: int


def campaign_engagement(campaign_id: int) -> Engagement:
    """Return the engagement of one campaign."""
    return campaign_engagements([campaign_id]).get(campaign_id, Engagement())


def campaign_engagements(campaign_ids: Collection[int]) -> dict[int, Engagement]:
    """Return the engagement of each of these campaigns, from the index of engaged deliveries."""
    if not campaign_ids:
        return {}
    columns = (
        Delivery.first_opened_at,
        Delivery.first_clicked_at,
        Delivery.unsubscribed_at,
        Delivery.bounced_at,
        Delivery.complained_at,
    )
    counts: list[Any] = [sa.func.count(column) for column in columns]
    found = db.session.execute(
        sa.select(Delivery.campaign_id, *counts)
        .where(Delivery.campaign_id.in_(campaign_ids), ENGAGED)
        .group_by(Delivery.campaign_id)
    )
    return {campaign_id: Engagement(*figures) for campaign_id, *figures in found}


def campaign_links(campaign_id: int) -> list[LinkFigures]:
    """Return every tracked link of the campaign, most clicked first."""
    clicks = (
        sa.select(
            Event.link_number,
            sa.func.count().label("clicks"),
            sa.func.count(Event.delivery_id.distinct()).label("people"),
        )
        .where(Event.campaign_id == campaign_id, Event.kind == "clicked")
        .group_by(Event.link_number)
        .subquery()
    )
    rows = db.session.execute(
        sa.select(
            CampaignLink.number,
            CampaignLink.target,
            sa.func.coalesce(clicks.c.clicks, 0),
            sa.func.coalesce(clicks.c.people, 0),
        )
        .outerjoin(clicks, clicks.c.link_number == CampaignLink.number)
        .where(CampaignLink.campaign_id == campaign_id)
        .order_by(sa.desc(sa.func.coalesce(clicks.c.people, 0)), CampaignLink.number)
    )
    return [LinkFigures(*row) for row in rows]


def first_hours(campaign_id: int, started_at: datetime) -> list[Hour]:
    """Return first opens and first clicks in each of the 48 hours after the start, with zeros."""
    opened = _per_hour(campaign_id, Delivery.first_opened_at, started_at)
    clicked = _per_hour(campaign_id, Delivery.first_clicked_at, started_at)
    return [
        Hour(number, opened.get(number, 0), clicked.get(number, 0)) for number in range(CURVE_HOURS)
    ]


def _per_hour(
    campaign_id: int, column: Mapped[datetime | None] | Any, started_at: datetime
) -> dict[int, int]:
    seconds = sa.cast(sa.extract("epoch", column), sa.BigInteger)
    hour = ((seconds - sa.literal(int(started_at.timestamp()), sa.BigInteger)) // 3600).label(
        "hour"
    )
    rows = db.session.execute(
        sa.select(hour, sa.func.count())
        .where(Delivery.campaign_id == campaign_id, ENGAGED, column >= started_at)
        .group_by(sa.literal_column("hour"))
    )
    return {int(number): count for number, count in rows}
