"""How a list grows, where its people come from, and how many leave, confirm and engage."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import ConsentEvent, Subscription
from campaigns.campaign.models import Campaign, CampaignList
from campaigns.campaign.title import title_of
from campaigns.db import db
from campaigns.events.models import BANDS, EngagementScore
from campaigns.stored import from_stored

WEEKS = 26
WEEK = timedelta(days=7)
CHURN_DAYS = 30
CONFIRM_DAYS = 90
LAST_CAMPAIGNS = 5
"""Number of campaigns whose bounces and complaints show the health of a list."""

_JOINS = ("confirmed", "subscribed")


@dataclass(frozen=True, slots=True)
class Week:
    """One week of a list: it ends `weeks_ago`. `size`: people subscribed at its end."""

    weeks_ago: int
    joined: int
    left: int
    size: int


@dataclass(frozen=True, slots=True)
class ListHistory:
    """Figures of a list that need all of its people or their history."""

    weeks: Sequence[Week] = ()
    """Oldest first."""
    sources: Mapping[str, int] = field(default_factory=dict)
    """Subscribed people by what subscribed them, most first."""
    bands: Mapping[str, int] = field(default_factory=dict)
    """Subscribed people by band of engagement, in the order of BANDS."""
    requested: int = 0
    confirmed: int = 0
    """Of those who asked to join in the last 90 days."""
    left: int = 0
    """In the last 30 days."""
    size_before: int = 0
    """People subscribed 30 days ago."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "ListHistory":
        """Return what `as_row` stored."""
        return from_stored(
            cls, {**row, "weeks": [from_stored(Week, week) for week in row["weeks"]]}
        )

    def as_row(self) -> dict[str, Any]:
        """Return it for a snapshot, as JSON."""
        return asdict(self)


def list_history(list_id: int, *, now: datetime) -> ListHistory:
    """Count everything. For a large list this takes seconds: see `reports.figures`."""
    by_source = _sources(list_id)
    subscribed = sum(by_source.values())
    requested, confirmed = _confirmations(list_id, now)
    joined_lately, left_lately = _moves(list_id, now - timedelta(days=CHURN_DAYS))
    return ListHistory(
        weeks=_weeks(list_id, subscribed, now),
        sources=by_source,
        bands=_bands(list_id, subscribed),
        requested=requested,
        confirmed=confirmed,
        left=left_lately,
        size_before=max(0, subscribed - joined_lately + left_lately),
    )


def _weeks(list_id: int, subscribed: int, now: datetime) -> list[Week]:
    """Count the joins and leaves of each week, and derive its size backwards from today's."""
    start = now - WEEKS * WEEK
    seconds = sa.cast(sa.extract("epoch", ConsentEvent.at), sa.BigInteger)
    number = (seconds - sa.literal(int(start.timestamp()), sa.BigInteger)) // int(
        WEEK.total_seconds()
    )
    is_join = ConsentEvent.kind.in_(_JOINS)
    rows = db.session.execute(
        sa.select(
            number.label("week"),
            sa.func.sum(sa.case((is_join, 1), else_=0)),
            sa.func.sum(sa.case((is_join, 0), else_=1)),
        )
        .where(
            ConsentEvent.list_id == list_id,
            ConsentEvent.at >= start,
            sa.or_(is_join, ConsentEvent.kind == "unsubscribed"),
        )
        .group_by(sa.literal_column("week"))
    )
    moves = {min(int(week), WEEKS - 1): (joined, left) for week, joined, left in rows}
    weeks, size = [], subscribed
    for week in reversed(range(WEEKS)):
        joined, left = moves.get(week, (0, 0))
        weeks.append(Week(WEEKS - 1 - week, joined, left, size))
        size = max(0, size - joined + left)
    return weeks[::-1]


def _moves(list_id: int, since: datetime) -> tuple[int, int]:
    """Return how many joined and left since then."""
    rows = db.session.execute(
        sa.select(ConsentEvent.kind, sa.func.count().label("people"))
        .where(ConsentEvent.list_id == list_id, ConsentEvent.at >= since)
        .group_by(ConsentEvent.kind)
    )
    counts = {row.kind: row.people for row in rows}
    return sum(counts.get(kind, 0) for kind in _JOINS), counts.get("unsubscribed", 0)


def _sources(list_id: int) -> dict[str, int]:
    people = sa.func.count().label("people")
    rows = db.session.execute(
        sa.select(Subscription.source, people)
        .where(Subscription.list_id == list_id, Subscription.state == "subscribed")
        .group_by(Subscription.source)
        .order_by(sa.desc("people"), Subscription.source)
    )
    return {row.source: row.people for row in rows}


def _bands(list_id: int, subscribed: int) -> dict[str, int]:
    rows = db.session.execute(
        sa.select(EngagementScore.band, sa.func.count().label("people"))
        .join(Subscription, Subscription.subscriber_id == EngagementScore.subscriber_id)
        .where(Subscription.list_id == list_id, Subscription.state == "subscribed")
        .group_by(EngagementScore.band)
    )
    counts = {row.band: row.people for row in rows}
    known = sum(count for band, count in counts.items() if band != "new")
    return {band: counts.get(band, 0) for band in BANDS} | {"new": max(0, subscribed - known)}


def _confirmations(list_id: int, now: datetime) -> tuple[int, int]:
    """Return how many asked to join, and how many of those confirmed since.

    A request that was deleted with its person, because it was never confirmed, still counts.
    """
    asked = (
        sa.select(ConsentEvent.subscriber_id, sa.func.min(ConsentEvent.at).label("at"))
        .where(
            ConsentEvent.list_id == list_id,
            ConsentEvent.kind == "requested",
            ConsentEvent.at >= now - timedelta(days=CONFIRM_DAYS),
        )
        # Requests without a person are one group each.
        .group_by(
            ConsentEvent.subscriber_id,
            sa.case((ConsentEvent.subscriber_id.is_(None), ConsentEvent.id)),
        )
        .subquery()
    )
    confirmed = (
        sa.exists()
        .where(
            ConsentEvent.subscriber_id == asked.c.subscriber_id,
            ConsentEvent.list_id == list_id,
            ConsentEvent.kind == "confirmed",
            ConsentEvent.at >= asked.c.at,
        )
        .correlate(asked)
    )
    row = db.session.execute(
        sa.select(sa.func.count(), sa.func.sum(sa.case((confirmed, 1), else_=0))).select_from(asked)
    ).one()
    return row[0], row[1] or 0


# --- campaigns ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SentCampaign:
    """A campaign that went to a list."""

    id: int
    public_id: str
    title: str
    started_at: datetime


def last_campaigns(list_id: int) -> list[SentCampaign]:
    """Return the campaigns that went to this list, newest first; a few."""
    rows = db.session.execute(
        sa.select(
            Campaign.id, Campaign.public_id, Campaign.name, Campaign.subject, Campaign.started_at
        )
        .join(CampaignList, CampaignList.campaign_id == Campaign.id)
        .where(
            CampaignList.list_id == list_id,
            ~CampaignList.is_excluded,
            Campaign.started_at.is_not(None),
        )
        .order_by(Campaign.started_at.desc())
        .limit(LAST_CAMPAIGNS)
    )
    return [
        SentCampaign(row.id, row.public_id, title_of(row.name, row.subject), row.started_at)
        for row in rows
    ]
