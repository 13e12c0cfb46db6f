"""Events: opens, clicks, unsubscribes, bounces; and how engaged people are by them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column

BANDS = ("new", "engaged", "cooling", "inactive")
"""Bands of engagement; `events.scores` has their rules."""


class Event(Base):
    """An event of a delivery. `dedupe` prevents a second row if it is reported twice."""

    __tablename__ = "event"

    id: Mapped[id_key]
    delivery_id: Mapped[int] = mapped_column(BigKey, ForeignKey("delivery.id", ondelete="CASCADE"))
    campaign_id: Mapped[int] = mapped_column(BigKey, ForeignKey("campaign.id", ondelete="CASCADE"))
    kind: Mapped[str]
    at: Mapped[datetime]
    dedupe: Mapped[str] = mapped_column(unique=True)
    link_number: Mapped[int | None]
    user_agent: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        Index("ix_event_campaign_id_kind", "campaign_id", "kind", "at"),
        Index("ix_event_delivery_id", "delivery_id"),
    )


class EngagementScore(Base):
    """How engaged a subscriber is, as computed by `events.scores`.

    People without a row are new.
    """

    __tablename__ = "engagement_score"

    subscriber_id: Mapped[int] = mapped_column(
        BigKey,
        ForeignKey("subscriber.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    score: Mapped[int | None] = mapped_column(sa.SmallInteger)
    """0 to 100; None while new."""
    band: Mapped[str]
    computed_at: Mapped[datetime]
    """When it changed last."""

    __table_args__ = (
        sa.CheckConstraint(f"band IN {BANDS!r}", name="band"),
        Index("ix_engagement_score_band", "band", "subscriber_id"),
    )


class EngagementRun(Base):
    """The computation of all scores, night by night; one row."""

    __tablename__ = "engagement_run"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime]
    position: Mapped[int] = mapped_column(BigKey, default=0)
    """Subscribers up to this id are done."""
    finished_at: Mapped[datetime | None]
