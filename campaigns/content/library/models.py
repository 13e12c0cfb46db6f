"""Templates, brands, saved blocks, snippets, media and versions of content."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.content.sources.source import KINDS
from campaigns.db import NEVER_REUSED, Base, BigKey, Mapped, id_key, mapped_column, public_id


class Brand(Base):
    """A brand. `style` is what `content.brand_style.BrandStyle` reads.

    One brand is the default: it is that of new campaigns and of system emails.
    """

    __tablename__ = "brand"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str]
    style: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sender_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("sender_address.id", ondelete="SET NULL")
    )
    """Sender address of new campaigns with this brand."""
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (Index("ix_brand_sender_id", "sender_id"), NEVER_REUSED)


class Template(Base):
    """A reusable content, copied into new campaigns: later changes do not reach them.

    `version` increases with every edit, so that a save over an older one is detected.
    """

    __tablename__ = "template"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str]
    folder: Mapped[str] = mapped_column(default="")
    subject: Mapped[str] = mapped_column(default="")
    preheader: Mapped[str] = mapped_column(default="")
    content_kind: Mapped[str] = mapped_column(default="blocks")
    source: Mapped[str] = mapped_column(default="")
    inline_css: Mapped[bool] = mapped_column(default=False)
    brand_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("brand.id", ondelete="SET NULL")
    )
    variables: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """Texts by name, which the content shows as `{{ var.<name> }}`."""
    variants: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """The content in other languages, as `content.library.versions` describes it."""
    version: Mapped[int] = mapped_column(default=1)
    edited_by_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (
        sa.CheckConstraint(f"content_kind IN {KINDS!r}", name="content_kind"),
        Index("ix_template_brand_id", "brand_id"),
        NEVER_REUSED,
    )


class SavedBlock(Base):
    """Rows of a block document under a name. Documents refer to it, so a change reaches drafts."""

    __tablename__ = "saved_block"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = NEVER_REUSED


class Snippet(Base):
    """A text that content of any kind shows as `{{ snippet.<key> }}`."""

    __tablename__ = "snippet"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    source: Mapped[str] = mapped_column(default="")
    """HTML with merge tags."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = NEVER_REUSED


class ContentVersion(Base):
    """The content of a campaign or a template as it was saved once, to compare and to restore."""

    __tablename__ = "content_version"

    id: Mapped[id_key]
    campaign_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE")
    )
    template_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey(Template.id, ondelete="CASCADE")
    )
    version: Mapped[int]
    """The version of its campaign or template."""
    subject: Mapped[str] = mapped_column(default="")
    preheader: Mapped[str] = mapped_column(default="")
    content_kind: Mapped[str]
    source: Mapped[str] = mapped_column(default="")
    inline_css: Mapped[bool] = mapped_column(default=False)
    brand_id: Mapped[int | None] = mapped_column(BigKey)
    """No foreign key, so that the version says that its brand was deleted."""
    variables: Mapped[dict[str, Any] | None]
    """None in versions by releases that recorded neither brand, variables nor variants."""
    variants: Mapped[dict[str, Any] | None]
    saved_by_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    saved_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("(campaign_id IS NULL) <> (template_id IS NULL)", name="owner"),
        Index("ix_content_version_campaign_id", "campaign_id", "version", unique=True),
        Index("ix_content_version_template_id", "template_id", "version", unique=True),
    )


class Media(Base):
    """An image of the media library. Content refers to it as `media:<public id>`.

    `width` and `height` are in pixels, `size` in bytes. `variants`: other sizes of the same image,
    as `content.library.media` writes them.
    """

    __tablename__ = "media"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str]
    """File name as uploaded."""
    alt: Mapped[str] = mapped_column(default="")
    is_decorative: Mapped[bool] = mapped_column(default=False)
    """Whether it has no alternative text on purpose."""
    folder: Mapped[str] = mapped_column(default="")
    content_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    digest: Mapped[str] = mapped_column(index=True)
    """SHA-256 of the stored file, in hexadecimal."""
    variants: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    upload_digest: Mapped[str | None]
    """SHA-256 of the uploaded file: the same file is the same medium."""
    deleted_at: Mapped[datetime | None]
    """When it was taken out of the library; emails that show it still find it."""
    created_by_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (
        Index("ix_media_upload_digest", "upload_digest", unique=True),
        NEVER_REUSED,
    )
