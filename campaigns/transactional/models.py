"""The queue of emails to single people, and the wording of those that a list sends."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column


class TransactionalEmail(Base):
    """An email to one person, triggered by an action: a confirmation, a test, a reset.

    `kind` names the template or builder; `payload` contains ids and plain values, no secrets.
    """

    __tablename__ = "transactional_mail"

    id: Mapped[id_key]
    kind: Mapped[str]
    address: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(default="queued")
    reason: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('queued', 'sending', 'sent', 'failed', 'unknown')", name="status"
        ),
        Index("ix_transactional_mail_status", "status", "id"),
        Index("ix_transactional_mail_created_at", "created_at"),
        Index("ix_transactional_mail_address", sa.text("lower(address)")),
    )


class ListEmail(Base):
    """A list's custom wording of an automatic email: `confirm` or `welcome`."""

    __tablename__ = "list_email"

    id: Mapped[id_key]
    list_id: Mapped[int] = mapped_column(BigKey, ForeignKey("list.id", ondelete="CASCADE"))
    kind: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    """Paragraphs with merge tags."""
    button: Mapped[str] = mapped_column(default="")
    is_on: Mapped[bool] = mapped_column(default=True)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (
        sa.CheckConstraint("kind IN ('confirm', 'welcome')", name="kind"),
        Index("ix_list_email_list_id", "list_id", "kind", unique=True),
    )
