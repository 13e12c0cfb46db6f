"""Figures that are kept, because to count them takes long."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index

from campaigns.db import Base, BigKey, Mapped, mapped_column


class KeptCount(Base):
    """What was counted of one thing at one moment. Never the truth: that lies in the rows.

    `subject` says what it is about (a `reports.snapshots.Subject`), `subject_id` which one.
    """

    __tablename__ = "kept_count"

    subject: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(default="")
    """The state in which it was counted; in another one it is worth nothing."""
    counted_at: Mapped[datetime]
    """By the clock of the database, before the first row was read."""
    seconds: Mapped[float] = mapped_column(default=0.0)
    """So long it took."""
    due_at: Mapped[datetime]
    """When it is counted again even if nobody looks."""
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What tables show."""
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What only the page of this one thing shows."""

    __table_args__ = (Index("ix_kept_count_due_at", "due_at"),)
