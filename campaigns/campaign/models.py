"""Campaigns and deliveries: what is sent, and the outcome for each recipient."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint

from campaigns.clock import utcnow
from campaigns.db import NEVER_REUSED, Base, BigKey, Mapped, id_key, mapped_column, public_id

CAMPAIGN_STATES = ("draft", "scheduled", "preparing", "sending", "paused", "sent", "cancelled")
DELIVERY_STATES = (
    "queued",
    "sending",
    "sent",
    "failed",
    "skipped",
    "held",
    "cancelled",
    "unknown",
)
OPEN_STATES = ("queued", "sending")
UNDER_WAY = ("scheduled", "preparing", "sending", "paused")
"""States in which a campaign still needs its lists, sender address and account."""
_WHAT_CAME_BACK = (
    "first_opened_at",
    "first_clicked_at",
    "unsubscribed_at",
    "bounced_at",
    "complained_at",
)
_HAS_REASON = sa.text("reason <> ''")
_IS_ENGAGED = sa.text(" OR ".join(f"{name} IS NOT NULL" for name in _WHAT_CAME_BACK))
_BY_PERSON = ("subscriber_id", "campaign_id")
_IS_OPENED = sa.text("first_opened_at IS NOT NULL")
_IS_CLICKED = sa.text("first_clicked_at IS NOT NULL")


class Campaign(Base):
    """One newsletter issue.

    `version` increases with every edit, so that a save over an older one is detected. `matched`,
    `not_subscribed`, `duplicates` and `excluded` are counted once, when the audience is frozen;
    `audience` is the number of delivery rows created then (suppressed people get `skipped` rows).
    """

    __tablename__ = "campaign"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str] = mapped_column(default="")
    """Internal name; if empty, the subject is shown instead."""
    subject: Mapped[str] = mapped_column(default="")
    preheader: Mapped[str] = mapped_column(default="")
    content_kind: Mapped[str] = mapped_column(default="html", server_default="html")
    """How its source is written; see `content.sources.source`."""
    source: Mapped[str] = mapped_column(default="")
    inline_css: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    brand_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("brand.id", ondelete="SET NULL")
    )
    """None: the default brand."""
    variables: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """Texts by name, which its content shows as `{{ var.<name> }}`."""
    sender_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("sender_address.id", ondelete="SET NULL")
    )
    overflow_sender_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("sender_address.id", ondelete="SET NULL")
    )
    """Sender address to continue from when the daily limit is used up. None: wait."""
    earlier_senders: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    """Senders used earlier, oldest first, as `delivery.sender_switch` writes them."""
    track_opens: Mapped[bool] = mapped_column(default=True)
    track_clicks: Mapped[bool] = mapped_column(default=True)
    embed_images: Mapped[bool] = mapped_column(default=False)
    """Whether images of the media library are parts of each message."""
    status: Mapped[str] = mapped_column(default="draft")
    status_reason: Mapped[str] = mapped_column(default="")
    """Packed reason (`campaigns.reason`) why it is paused, slow or a draft again; or empty."""
    version: Mapped[int] = mapped_column(default=1)
    edited_by_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    scheduled_at: Mapped[datetime | None]
    """When a `scheduled` campaign starts. An undo window is a schedule a few seconds ahead."""
    is_undo_window: Mapped[bool] = mapped_column(default=False)
    schedule_zone: Mapped[str] = mapped_column(default="")
    """Time zone of the chosen time; empty: the workspace's."""
    local_at: Mapped[str] = mapped_column(default="")
    """Time in each recipient's own zone, such as `2026-03-29T09:00`. Empty: at once."""
    hours_from: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    hours_until: Mapped[int] = mapped_column(sa.SmallInteger, default=24)
    """Sending hours, in each recipient's time zone."""
    spread_seconds: Mapped[int] = mapped_column(default=0)
    """Time over which it is spread, which determines the pace at the start."""
    pace_per_second: Mapped[float] = mapped_column(default=0.0)
    """Highest pace. 0: as fast as the account allows."""
    restored_at: Mapped[datetime | None]
    """When it was put on hold after a restore; None once someone has decided."""
    asked_at: Mapped[datetime | None]
    """When a `scheduled` campaign that missed its time began to wait for a decision."""
    canary_percent: Mapped[float] = mapped_column(default=0.0)
    """Size of the test group, in percent. 0: no test group."""
    canary_minutes: Mapped[int] = mapped_column(default=30)
    """Observation period, in minutes."""
    canary_bands: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By measure [continue below, stop above] in percent, as `canary_plan` reads them."""
    canary_state: Mapped[str] = mapped_column(default="")
    """testing, watching, passed or stopped; empty without a test group."""
    canary_quota: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Test group by mailbox group; frozen with the audience."""
    canary_until: Mapped[datetime | None]
    """End of the observation; None until all of the test group was sent."""
    canary_words: Mapped[str] = mapped_column(default="")
    """Packed reason (`campaigns.reason`) of the verdict."""
    canary_seen: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Figures at the time of the verdict, by mailbox group."""
    provider_id: Mapped[int | None] = mapped_column(BigKey, ForeignKey("provider_account.id"))
    """Frozen from the sender when it starts, like the fields below; see delivery.sender_switch."""
    segment_order: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    """Public ids of the segments that its content names, in the order of `Delivery.segments`.

    Frozen with the audience; empty before.
    """
    matched: Mapped[int] = mapped_column(default=0)
    not_subscribed: Mapped[int] = mapped_column(default=0, server_default="0")
    """People in its segments who are subscribed to none of its lists."""
    duplicates: Mapped[int] = mapped_column(default=0)
    excluded: Mapped[int] = mapped_column(default=0)
    audience: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (
        sa.CheckConstraint(f"status IN {CAMPAIGN_STATES!r}", name="status"),
        Index("ix_campaign_status", "status", "scheduled_at"),
        Index("ix_campaign_started_at", "started_at"),
        Index("ix_campaign_sender_id", "sender_id"),
        Index("ix_campaign_overflow_sender_id", "overflow_sender_id"),
        Index("ix_campaign_provider_id", "provider_id"),
        Index("ix_campaign_brand_id", "brand_id"),
        NEVER_REUSED,
    )


class FrozenContent(Base):
    """What a launched campaign's content is compiled with; see `frozen_content`."""

    __tablename__ = "frozen_content"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    context: Mapped[dict[str, Any]]
    """As `content.library.stored_context` writes it."""
    frozen_at: Mapped[datetime]


class Generation(Base):
    """Age of this database, to detect that an older one was restored; one row."""

    __tablename__ = "generation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    """Random, set once."""
    number: Mapped[int] = mapped_column(sa.BigInteger)
    """Advances while campaigns are sent."""
    restored_at: Mapped[datetime | None]


class CampaignList(Base):
    """A list that a campaign goes to, or (`is_excluded`) whose subscribers it excludes."""

    __tablename__ = "campaign_list"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    list_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    is_excluded: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index("ix_campaign_list_list_id", "list_id"),)


class CampaignSegment(Base):
    """A segment that a campaign's audience is limited to, or (`is_excluded`) excludes.

    No foreign key, so that the row outlives a deleted segment: without it, the campaign and its
    copies would go to everyone on their lists. Ids are never used again.
    """

    __tablename__ = "campaign_segment"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    segment_id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    is_excluded: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index("ix_campaign_segment_segment_id", "segment_id"),)


class CampaignVariant(Base):
    """The content of a campaign in another language, such as "de" or "pt_BR".

    `version` increases with every edit, so that a save over an older one is detected.
    """

    __tablename__ = "campaign_variant"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    language: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    subject: Mapped[str] = mapped_column(default="")
    preheader: Mapped[str] = mapped_column(default="")
    content_kind: Mapped[str]
    source: Mapped[str] = mapped_column(default="")
    inline_css: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    edited_by_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)


class CampaignFeed(Base):
    """The data feed of a campaign: the answer of an address, kept so that everyone gets the same.

    `data` is None until it was fetched.
    """

    __tablename__ = "campaign_feed"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    url: Mapped[str]
    data: Mapped[dict[str, Any] | None]
    fetched_at: Mapped[datetime | None]


class CampaignSeries(Base):
    """A recurring campaign. Each occurrence is a separate campaign.

    They are copies of the template, created ahead of time by the clock. Times are local times in
    `zone`, as text: `2026-03-30T09:00`.
    """

    __tablename__ = "campaign_series"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    template_id: Mapped[int] = mapped_column(BigKey, ForeignKey("campaign.id", ondelete="CASCADE"))
    rule: Mapped[str]
    """RRULE text of campaign.recurrence."""
    zone: Mapped[str]
    first_local: Mapped[str]
    """The first occurrence; the rule counts from it."""
    next_local: Mapped[str] = mapped_column(default="")
    """Next occurrence to create; empty if there are no more."""
    next_run_at: Mapped[datetime | None]
    """When the clock checks again, some time ahead of the next one. None: never."""
    is_local_time: Mapped[bool] = mapped_column(default=False)
    hours_from: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    hours_until: Mapped[int] = mapped_column(sa.SmallInteger, default=24)
    spread_seconds: Mapped[int] = mapped_column(default=0)
    pace_per_second: Mapped[float] = mapped_column(default=0.0)
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (
        Index("ix_campaign_series_next_run_at", "next_run_at"),
        Index("ix_campaign_series_template_id", "template_id"),
    )


class CampaignOccurrence(Base):
    """An occurrence that was created or skipped. Its key prevents creating it twice."""

    __tablename__ = "campaign_occurrence"

    series_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign_series.id", ondelete="CASCADE"), primary_key=True
    )
    local_at: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="SET NULL")
    )
    """The campaign created for it; None if skipped, or deleted since."""
    is_skipped: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index("ix_campaign_occurrence_campaign_id", "campaign_id"),)


class CampaignLink(Base):
    """A tracked link of a campaign, numbered in the order of the content."""

    __tablename__ = "campaign_link"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[str]


class Reply(Base):
    """A server's reply, stored once per distinct text; `{ref}` replaces the message's id."""

    __tablename__ = "reply"

    id: Mapped[id_key]
    digest: Mapped[str] = mapped_column(sa.String(32), unique=True)
    code: Mapped[int] = mapped_column(default=0)
    text: Mapped[str]


class Delivery(Base):
    """One campaign to one subscriber: the central table.

    `status` is about the handover only; later events have their own columns. The table has millions
    of rows, and every message writes to it several times, so it has no foreign keys and few indexes
    (docs/decisions/0014).
    """

    __tablename__ = "delivery"

    id: Mapped[id_key]
    campaign_id: Mapped[int] = mapped_column(BigKey)
    subscriber_id: Mapped[int | None] = mapped_column(BigKey)
    """None after erasure."""
    list_id: Mapped[int | None] = mapped_column(BigKey)
    """The list through which this person was reached; a plain number that outlives the list."""
    address: Mapped[str]
    mailbox_group: Mapped[str] = mapped_column(default="other")
    status: Mapped[str] = mapped_column(default="queued")
    reason: Mapped[str] = mapped_column(default="")
    """Why it was not sent at once, as in `delivery.reasons`."""
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    not_before: Mapped[datetime | None]
    claim_token: Mapped[str | None] = mapped_column(sa.String(32))
    """The claim that holds it. Kept while `unknown`: the worker may still get the reply."""
    deferred_since: Mapped[datetime | None]
    """When it was first deferred; the retry time limit counts from here."""
    reply_id: Mapped[int | None] = mapped_column(BigKey)
    reply_ref: Mapped[str] = mapped_column(default="")
    """The server's id of this message (the `{ref}` of its reply)."""
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    bounced_at: Mapped[datetime | None]
    complained_at: Mapped[datetime | None]
    first_opened_at: Mapped[datetime | None]
    first_clicked_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]
    segments: Mapped[int | None] = mapped_column(sa.BigInteger)
    """The segments of `Campaign.segment_order` this person was in, one bit each.

    None for content that names no segment, which takes no space.
    """

    __table_args__ = (
        # The send-once promise. In this order it also finds all deliveries to a person.
        UniqueConstraint("subscriber_id", "campaign_id", name="uq_delivery_subscriber_campaign"),
        sa.CheckConstraint(f"status IN {DELIVERY_STATES!r}", name="status"),
        Index(
            "ix_delivery_queued",
            "campaign_id",
            "mailbox_group",
            "not_before",
            "id",
            postgresql_where=sa.text("status = 'queued'"),
            sqlite_where=sa.text("status = 'queued'"),
        ),
        Index("ix_delivery_status", "campaign_id", "status", "id"),
        # For reports, which count rare outcomes without reading all sent rows.
        Index(
            "ix_delivery_reason",
            "campaign_id",
            "reason",
            "status",
            "reply_id",
            "id",
            postgresql_where=_HAS_REASON,
            sqlite_where=_HAS_REASON,
        ),
        Index(
            "ix_delivery_engaged",
            "campaign_id",
            *_WHAT_CAME_BACK,
            "id",
            postgresql_where=_IS_ENGAGED,
            sqlite_where=_IS_ENGAGED,
        ),
        # For rules of segments: what one of a million people did, and who did it lately. Sending
        # writes to none of them.
        *(
            Index(name, *columns, postgresql_where=happened, sqlite_where=happened)
            for name, columns, happened in (
                ("ix_delivery_opened", (*_BY_PERSON, "first_opened_at"), _IS_OPENED),
                ("ix_delivery_opened_at", ("first_opened_at", *_BY_PERSON), _IS_OPENED),
                ("ix_delivery_clicked", (*_BY_PERSON, "first_clicked_at"), _IS_CLICKED),
                ("ix_delivery_clicked_at", ("first_clicked_at", *_BY_PERSON), _IS_CLICKED),
            )
        ),
        NEVER_REUSED,
    )


class Claim(Base):
    """A worker's claim on deliveries of a campaign, with a lease.

    The deliveries have its token. The row is deleted when all of them have an outcome.
    """

    __tablename__ = "claim"

    token: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(BigKey, ForeignKey("campaign.id", ondelete="CASCADE"))
    lease_until: Mapped[datetime]

    __table_args__ = (Index("ix_claim_campaign_id", "campaign_id"),)


ENGAGED = sa.or_(*(getattr(Delivery, name).is_not(None) for name in _WHAT_CAME_BACK))
"""Deliveries with engagement events; must match the condition of their index literally."""


class HeldGroup(Base):
    """A mailbox group to which a campaign sends nothing until someone decides.

    `kind`: `flood` (implausibly many refusals, rule B4), `bounces` (of later bounces; the group may
    be a domain) or `canary` (bad results of the test group). `decision`: `again` (retried), `gone`
    (the refusals are accepted as true) or `left` (left out after a test).
    """

    __tablename__ = "held_group"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    mailbox_group: Mapped[str] = mapped_column(primary_key=True)
    held_at: Mapped[datetime]
    words: Mapped[str] = mapped_column(default="")
    """A reply of the server, or the packed reason of a test group's verdict."""
    decision: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="flood")
