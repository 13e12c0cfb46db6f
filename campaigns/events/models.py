"""What came back: opens, clicks, unsubscribes (and later deliveries, bounces, complaints)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index

from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column


class Event(Base):
    """One happening on one delivery. `dedupe` keeps a happening told twice a single row."""

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
