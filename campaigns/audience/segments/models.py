"""Saved segments."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey

from campaigns.clock import utcnow
from campaigns.db import NEVER_REUSED, Base, BigKey, Mapped, id_key, mapped_column, public_id


class Segment(Base):
    """A saved rule about subscribers.

    `rules` is a tree in the stored form of `segments.tree`. `version` increases with every edit, so
    that a save over an older one is detected.
    """

    __tablename__ = "segment"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(default="")
    rules: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    edited_by_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = NEVER_REUSED
