"""Bulk runs and what they changed."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.db import NEVER_REUSED, Base, BigKey, Mapped, id_key, mapped_column, public_id

BULK_STATES = ("queued", "running", "done", "failed", "cancelled")
ACTIONS = ("tag", "untag", "subscribe", "unsubscribe", "suppress", "erase", "set_field")


class BulkRun(Base):
    """An action on every subscriber of a selection, or its undo.

    `selection` (see `audience.selection`) and `last_id`, the highest subscriber id at the start,
    decide who is included. `position` is the id up to which subscribers are done; it advances in
    the transaction of the changes, so an interrupted run neither repeats nor skips anyone.
    """

    __tablename__ = "bulk_run"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    action: Mapped[str]
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the action needs, such as the id and name of the tag."""
    selection: Mapped[dict[str, Any]]
    last_id: Mapped[int] = mapped_column(BigKey)
    position: Mapped[int] = mapped_column(BigKey, default=0)
    matched: Mapped[int]
    """Number of subscribers counted at the start."""
    outcomes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Number of subscribers by outcome, such as "changed"; see `actions`."""
    undoes_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("bulk_run.id", ondelete="CASCADE"), unique=True
    )
    """The run that this one undoes."""
    user_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    source: Mapped[str] = mapped_column(default="")
    """Address of the user who started it."""
    evidence: Mapped[str] = mapped_column(default="")
    """Wording of its consent events."""
    status: Mapped[str] = mapped_column(default="queued")
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    """Also the time of every change it makes, by which an undo recognizes them."""
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(f"status IN {BULK_STATES!r}", name="status"),
        sa.CheckConstraint(f"action IN {ACTIONS!r}", name="action"),
        Index(
            "ix_bulk_run_open",
            "id",
            postgresql_where=sa.text("status IN ('queued', 'running')"),
            sqlite_where=sa.text("status IN ('queued', 'running')"),
        ),
        NEVER_REUSED,
    )


class BulkChange(Base):
    """A subscriber whom a run changed, with their previous state, for the undo."""

    __tablename__ = "bulk_change"

    run_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("bulk_run.id", ondelete="CASCADE"), primary_key=True
    )
    subscriber_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True
    )
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (Index("ix_bulk_change_subscriber_id", "subscriber_id"),)
