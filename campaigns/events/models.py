"""Events: opens, clicks, unsubscribes, bounces."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index

from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column


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
