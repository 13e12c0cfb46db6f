"""Events: opens, clicks, unsubscribes, bounces; what they came in; and engagement."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.db import NEVER_REUSED, Base, BigKey, Mapped, id_key, mapped_column, public_id

BANDS = ("new", "engaged", "cooling", "inactive")
"""Bands of engagement; `events.scores` has their rules."""


_IS_REPORTED_BOUNCE = sa.text("kind = 'bounced' AND incoming_id IS NOT NULL")
_IS_DELIVERED = sa.text("kind = 'delivered'")


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
    incoming_id: Mapped[int | None] = mapped_column(BigKey)
    """The row of `incoming` that reported it. A plain number, as that row is deleted first."""
    reply_class: Mapped[str] = mapped_column(server_default="")
    """What a bounce or delay means, as in `providers.classify`."""
    status: Mapped[str] = mapped_column(server_default="")
    """Enhanced status code of a bounce or delay; type of a complaint."""
    detail: Mapped[str] = mapped_column(server_default="")
    """The words of the server."""

    __table_args__ = (
        Index("ix_event_campaign_id_kind", "campaign_id", "kind", "at"),
        Index("ix_event_delivery_id", "delivery_id"),
        # For reports and the delivery log, in the order of its pages.
        Index(
            "ix_event_bounced",
            "campaign_id",
            "delivery_id",
            "id",
            "reply_class",
            postgresql_where=_IS_REPORTED_BOUNCE,
            sqlite_where=_IS_REPORTED_BOUNCE,
        ),
        Index(
            "ix_event_delivered",
            "campaign_id",
            "delivery_id",
            postgresql_where=_IS_DELIVERED,
            sqlite_where=_IS_DELIVERED,
        ),
    )


_IS_NEW = sa.text("state = 'waiting' AND retry_at IS NULL")
_IS_RETRIED = sa.text("state = 'waiting' AND retry_at IS NOT NULL")
INCOMING_STATES = ("waiting", "done", "refused", "failed")


class Incoming(Base):
    """A webhook post or an email that came back, as it was received."""

    __tablename__ = "incoming"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    channel: Mapped[str]
    source: Mapped[str]
    """The kind of webhook, or how an email arrived: imap, pop3, lmtp, smtp, pipe."""
    endpoint_id: Mapped[int | None] = mapped_column(BigKey)
    """The webhook endpoint or the mailbox."""
    account_id: Mapped[int | None] = mapped_column(BigKey)
    """The provider account, if one is known. Plain numbers, which outlive their rows."""
    received_at: Mapped[datetime]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Of the request, by lower-case name; empty for an email."""
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    size: Mapped[int]
    """Bytes received; the body of a refused post is cut."""
    dedupe: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(default="waiting")
    verdict: Mapped[str] = mapped_column(default="")
    """The packed reason why it was refused, failed or meant nothing."""
    new_events: Mapped[int] = mapped_column(default=0)
    kinds: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """Number of events that it reports, new or not, by kind."""
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    """Attempts to read it, counted before they begin."""
    retry_at: Mapped[datetime | None]
    """When it is tried again; None before the first attempt, and if there will be none."""
    processed_at: Mapped[datetime | None]
    is_evidence: Mapped[bool] = mapped_column(default=False)
    """Whether an address was suppressed because of it, so that it is kept for longer."""

    __table_args__ = (
        sa.CheckConstraint("channel IN ('webhook', 'email')", name="channel"),
        sa.CheckConstraint(f"state IN {INCOMING_STATES!r}", name="state"),
        Index(
            "ix_incoming_waiting",
            "id",
            postgresql_where=_IS_NEW,
            sqlite_where=_IS_NEW,
        ),
        Index(
            "ix_incoming_retry_at",
            "retry_at",
            postgresql_where=_IS_RETRIED,
            sqlite_where=_IS_RETRIED,
        ),
        Index("ix_incoming_account_id", "account_id", "id"),
        Index(
            "ix_incoming_account_state",
            "account_id",
            "state",
            "id",
            postgresql_where=sa.text("state != 'done'"),
            sqlite_where=sa.text("state != 'done'"),
        ),
        Index("ix_incoming_endpoint_id", "channel", "endpoint_id", "state", "id"),
        Index("ix_incoming_received_at", "is_evidence", "received_at"),
        NEVER_REUSED,
    )


class WebhookEndpoint(Base):
    """Where a provider posts events of one account: `/hooks/<public id>`."""

    __tablename__ = "webhook_endpoint"

    id: Mapped[id_key]
    public_id: Mapped[str] = mapped_column(sa.String(32), unique=True)
    account_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), unique=True
    )
    kind: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    credentials: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The name of each secret and its encrypted form (secrets.Vault)."""
    last_received_at: Mapped[datetime | None]
    """Time of the last accepted post."""
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class IntakeMailbox(Base):
    """A mailbox that bounces arrive in, read by `campaigns intake`.

    `trouble` is the packed reason why it cannot be read; the next success clears it.
    """

    __tablename__ = "intake_mailbox"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    account_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), unique=True
    )
    """The account whose bounces it gets; None if it gets those of several."""
    protocol: Mapped[str]
    host: Mapped[str]
    port: Mapped[int]
    security: Mapped[str]
    auth: Mapped[str] = mapped_column(default="password")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Further settings of the protocol and of OAuth."""
    username: Mapped[str]
    credentials: Mapped[dict[str, Any]] = mapped_column(default=dict)
    folder: Mapped[str] = mapped_column(default="INBOX")
    done_folder: Mapped[str] = mapped_column(default="")
    """Folder that processed emails are moved to; empty: they stay, and are marked as seen."""
    is_on: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    """Increases when it changes, so that its connection is replaced."""
    checked_at: Mapped[datetime | None]
    last_received_at: Mapped[datetime | None]
    trouble: Mapped[str] = mapped_column(default="")
    trouble_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (
        sa.CheckConstraint("protocol IN ('imap', 'pop3')", name="protocol"),
        sa.CheckConstraint("security IN ('tls', 'starttls', 'none')", name="security"),
        sa.CheckConstraint("auth IN ('password', 'xoauth2')", name="auth"),
    )


class BounceTest(Base):
    """A bounce test that was sent: an email whose token is `FIRST_TEST_ID` and this id."""

    __tablename__ = "bounce_test"

    id: Mapped[id_key]
    account_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE")
    )
    domain: Mapped[str]
    """The sender's domain, as return paths have it."""
    sent_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]
    incoming_id: Mapped[int | None] = mapped_column(BigKey)
    """The row of `incoming` with its bounce. A plain number, as that row is deleted first."""

    __table_args__ = (Index("ix_bounce_test_account_id", "account_id"), NEVER_REUSED)


class AccountFeedback(Base):
    """When anything about the emails of an account last came back, through any channel."""

    __tablename__ = "account_feedback"

    account_id: Mapped[int] = mapped_column(
        BigKey,
        ForeignKey("provider_account.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    last_at: Mapped[datetime]


class IntakeListener(Base):
    """An address at which `campaigns intake` listens for a mail server. `source`: lmtp or smtp."""

    __tablename__ = "intake_listener"

    source: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str]
    seen_at: Mapped[datetime]


class BodyErasure(Base):
    """An erased address that the stored bodies are searched for; deleted when all are done.

    `position`: bodies up to this id are done, of those up to `last_id`.
    """

    __tablename__ = "body_erasure"

    id: Mapped[id_key]
    address: Mapped[str]
    position: Mapped[int] = mapped_column(BigKey, default=0)
    last_id: Mapped[int] = mapped_column(BigKey)


class FeedbackCount(Base):
    """Emails sent in a day (UTC) to a mailbox group, and what has come back from them so far.

    Every delivery counts on the day it was sent, once as a bounce (by its first one), once as a
    complaint and once as delivered. `sent` is counted from time to time.
    """

    __tablename__ = "feedback_count"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    mailbox_group: Mapped[str] = mapped_column(primary_key=True)
    sent: Mapped[int] = mapped_column(default=0)
    delivered: Mapped[int] = mapped_column(default=0)
    hard: Mapped[int] = mapped_column(default=0)
    soft: Mapped[int] = mapped_column(default=0)
    blocked: Mapped[int] = mapped_column(default=0)
    """Bounces that are about the sender or the content."""
    complaints: Mapped[int] = mapped_column(default=0)

    __table_args__ = (Index("ix_feedback_count_account_id", "account_id", "day"),)


class FeedbackWatch(Base):
    """How far the figures of a campaign are counted and judged.

    `judged`: by measure, and by day at a mailbox provider, [count, sent] when it was paused last;
    only what came since counts, so that a resumed campaign is not paused again for the same
    complaints.
    """

    __tablename__ = "feedback_watch"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    changed_at: Mapped[datetime]
    """When something came back last."""
    checked_at: Mapped[datetime | None]
    counted_at: Mapped[datetime | None]
    """When the emails sent were counted last."""
    judged: Mapped[dict[str, Any]] = mapped_column(default=dict)


class RateAlarm(Base):
    """A rate of a day that is too high, for the owners; once per account, day and measure."""

    __tablename__ = "rate_alarm"

    account_id: Mapped[int] = mapped_column(
        BigKey,
        ForeignKey("provider_account.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    """complaints, hard or blocked."""
    mailbox_group: Mapped[str] = mapped_column(primary_key=True)
    """The mailbox provider; empty: all of them."""
    count: Mapped[int]
    sent: Mapped[int]
    at: Mapped[datetime]


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
