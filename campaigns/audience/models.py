"""Subscribers, lists, consent, suppressions and imports."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.db import (
    NEVER_REUSED,
    Base,
    BigKey,
    ByteText,
    Mapped,
    id_key,
    mapped_column,
    public_id,
)


class Subscriber(Base):
    """A person or address we may write to, identified by `address_normal`."""

    __tablename__ = "subscriber"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    address: Mapped[str]
    address_normal: Mapped[str] = mapped_column(ByteText, unique=True)
    domain: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    """Full name as given, else first and last name joined. Never split."""
    first_name: Mapped[str] = mapped_column(default="", server_default="")
    last_name: Mapped[str] = mapped_column(default="", server_default="")
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)

    __table_args__ = (
        Index("ix_subscriber_domain", "domain", "id"),
        Index("ix_subscriber_created_at", "created_at"),
        NEVER_REUSED,
    )


class AudienceList(Base):
    """A named audience."""

    __tablename__ = "list"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(default="")
    is_public: Mapped[bool] = mapped_column(default=False)
    """Whether the public sign-up page is open."""
    language: Mapped[str] = mapped_column(default="en", server_default="en")
    """Locale of its public pages and confirmation emails, such as "en" or "pt_BR"."""
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    archived_at: Mapped[datetime | None]
    """When it was archived: it keeps its subscribers, and no form or campaign offers it."""

    __table_args__ = NEVER_REUSED


class Tag(Base):
    """A label for subscribers, unique without regard to case."""

    __tablename__ = "tag"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str]
    name_normal: Mapped[str] = mapped_column(unique=True)
    """The name in lower case."""
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = NEVER_REUSED


class SubscriberTag(Base):
    """A tag of a subscriber."""

    __tablename__ = "subscriber_tag"

    tag_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True
    )
    subscriber_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True
    )
    tagged_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (Index("ix_subscriber_tag_subscriber_id", "subscriber_id"),)


SUBSCRIPTION_STATES = ("pending", "subscribed", "unsubscribed")


class Subscription(Base):
    """A subscriber's membership of a list."""

    __tablename__ = "subscription"

    list_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    subscriber_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[str]
    state_at: Mapped[datetime] = mapped_column(default=utcnow)
    source: Mapped[str] = mapped_column(default="manual")
    """Where it came from: form, import, manual."""
    confirm_sent_at: Mapped[datetime | None]
    """When the last confirmation email was requested."""

    __table_args__ = (
        sa.CheckConstraint(f"state IN {SUBSCRIPTION_STATES!r}", name="state"),
        Index("ix_subscription_list_id_state", "list_id", "state", "subscriber_id"),
        Index("ix_subscription_subscriber_id", "subscriber_id"),
        Index(
            "ix_subscription_pending",
            "state_at",
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        ),
    )


class ConsentEvent(Base):
    """Append-only proof of how a subscription began and ended.

    `kind`: requested, confirmed, subscribed, unsubscribed. `channel`: form, import, manual,
    one_click, page, email. `wording` is the exact text that was shown. `campaign_id` names the
    campaign whose link was used; a plain number, as campaigns are a higher layer.
    """

    __tablename__ = "consent_event"

    id: Mapped[id_key]
    subscriber_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("subscriber.id", ondelete="SET NULL")
    )
    list_id: Mapped[int | None] = mapped_column(BigKey, ForeignKey("list.id", ondelete="SET NULL"))
    kind: Mapped[str]
    channel: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=utcnow)
    ip: Mapped[str] = mapped_column(default="")
    user_agent: Mapped[str] = mapped_column(default="")
    wording: Mapped[str] = mapped_column(default="")
    campaign_id: Mapped[int | None] = mapped_column(BigKey)
    import_id: Mapped[int | None] = mapped_column(BigKey)

    __table_args__ = (
        Index("ix_consent_event_subscriber_id", "subscriber_id", "id"),
        Index("ix_consent_event_list_id", "list_id"),
    )


class Suppression(Base):
    """This address gets nothing from us. `reason`: manual, complaint, hard_bounce, erased.

    `campaign_id` and `delivery_id` name the delivery that led to it, so that it can be lifted if
    the refusal was the server's mistake; `event_id` is the event, its evidence. Plain numbers, as
    campaigns are a higher layer.
    """

    __tablename__ = "suppression"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    address_normal: Mapped[str] = mapped_column(ByteText, unique=True)
    reason: Mapped[str] = mapped_column(default="manual")
    source: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    campaign_id: Mapped[int | None] = mapped_column(BigKey)
    delivery_id: Mapped[int | None] = mapped_column(BigKey)
    event_id: Mapped[int | None] = mapped_column(BigKey)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (
        Index(
            "ix_suppression_delivery_id",
            "delivery_id",
            postgresql_where=sa.text("delivery_id IS NOT NULL"),
            sqlite_where=sa.text("delivery_id IS NOT NULL"),
        ),
    )


class LiftedSuppression(Base):
    """An automatic suppression that a user reverted, with its evidence.

    Bounces of emails sent before no longer count.
    """

    __tablename__ = "lifted_suppression"

    id: Mapped[id_key]
    address_normal: Mapped[str] = mapped_column(ByteText)
    reason: Mapped[str]
    source: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    campaign_id: Mapped[int | None] = mapped_column(BigKey)
    delivery_id: Mapped[int | None] = mapped_column(BigKey)
    event_id: Mapped[int | None] = mapped_column(BigKey)
    suppressed_at: Mapped[datetime]
    lifted_at: Mapped[datetime]
    lifted_by: Mapped[str] = mapped_column(default="")
    """Address of the user."""

    __table_args__ = (Index("ix_lifted_suppression_address_normal", "address_normal"),)


IMPORT_STATES = ("mapping", "queued", "running", "done", "failed")


class ImportRun(Base):
    """An import of a file into a list. Counts and `position` advance chunk by chunk.

    `position` is the byte after the last committed chunk, `last_row` the number of the last row
    before it, so an interrupted import continues where it stopped. rows_read is always the sum of
    the other counts. `mapping` contains the role of each column, and the meanings of status values.
    """

    __tablename__ = "import_run"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    list_id: Mapped[int | None] = mapped_column(BigKey, ForeignKey("list.id", ondelete="CASCADE"))
    """None until a list is chosen."""
    file_name: Mapped[str]
    path: Mapped[str]
    """The uploaded file; empty when it was deleted."""
    sha256: Mapped[str] = mapped_column(default="")
    encoding: Mapped[str] = mapped_column(default="")
    delimiter: Mapped[str] = mapped_column(default=",")
    has_header: Mapped[bool] = mapped_column(default=True)
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict)
    update_existing: Mapped[bool] = mapped_column(default=True)
    consent_source: Mapped[str] = mapped_column(default="")
    """How these people opted in, as declared by the user."""
    status: Mapped[str] = mapped_column(default="mapping")
    error: Mapped[str] = mapped_column(default="")
    size_bytes: Mapped[int] = mapped_column(BigKey, default=0)
    position: Mapped[int] = mapped_column(BigKey, default=0)
    last_row: Mapped[int] = mapped_column(default=0)
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_added: Mapped[int] = mapped_column(default=0)
    rows_updated: Mapped[int] = mapped_column(default=0)
    rows_unchanged: Mapped[int] = mapped_column(default=0)
    rows_failed: Mapped[int] = mapped_column(default=0)
    rows_unsubscribed: Mapped[int] = mapped_column(default=0)
    """Rows with this status, counted only here."""
    rows_pending: Mapped[int] = mapped_column(default=0)
    rows_suppressed: Mapped[int] = mapped_column(default=0)
    rows_skipped: Mapped[int] = mapped_column(default=0)
    rows_incomplete: Mapped[int] = mapped_column(default=0, server_default="0")
    """Rows imported without a value that does not fit its field. Counted among the others too."""
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(f"status IN {IMPORT_STATES!r}", name="status"),
        Index("ix_import_run_list_id", "list_id"),
    )


class ImportProblem(Base):
    """A row that could not be imported, and why. `row_number` counts from 1."""

    __tablename__ = "import_problem"

    id: Mapped[id_key]
    import_id: Mapped[int] = mapped_column(BigKey, ForeignKey("import_run.id", ondelete="CASCADE"))
    row_number: Mapped[int] = mapped_column(BigKey)
    reason: Mapped[str]
    raw: Mapped[str] = mapped_column(default="")

    __table_args__ = (Index("ix_import_problem_import_id", "import_id", "row_number"),)


class MailDomain(Base):
    """The mailbox group of a recipient domain. Unknown domains are `other`."""

    __tablename__ = "mail_domain"

    domain: Mapped[str] = mapped_column(primary_key=True)
    mailbox_group: Mapped[str]
    looked_up_at: Mapped[datetime | None]
    """When DNS was queried; None for a well-known domain."""
