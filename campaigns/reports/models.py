"""Stored figures, because counting them takes long."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index

from campaigns.db import Base, BigKey, Mapped, mapped_column


class KeptCount(Base):
    """A snapshot of counts. The counted rows are authoritative; it may be deleted at any time.

    `subject` is its kind (a `reports.snapshots.Subject`), `subject_id` the id.
    """

    __tablename__ = "kept_count"

    subject: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(default="")
    """The campaign's state when it was counted; it is invalid in any other."""
    counted_at: Mapped[datetime]
    """By the database's clock, before the first row was read."""
    seconds: Mapped[float] = mapped_column(default=0.0)
    """Duration of the count."""
    due_at: Mapped[datetime]
    """When it is counted again even without visitors."""
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Figures shown in tables."""
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Figures shown only on the subject's own page."""

    __table_args__ = (Index("ix_kept_count_due_at", "due_at"),)
