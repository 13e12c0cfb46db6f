"""The definitions of custom fields."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.db import NEVER_REUSED, Base, BigKey, Mapped, id_key, mapped_column, public_id

FIELD_TYPES = (
    "text",
    "number",
    "date",
    "boolean",
    "choice",
    "choices",
    "country",
    "time_zone",
    "language",
    "url",
)


class Field(Base):
    """A custom field of subscribers.

    Values are entries of `Subscriber.attributes`, under `key`, in the stored form of the type: text
    for text, choice, country ("DE"), time_zone, language and url; a number; an ISO date
    ("1980-05-31"); true or false; a list of texts for choices. A subscriber without a value has no
    entry. Entries without a field are attributes: text that arrived before anyone defined a field.
    """

    __tablename__ = "field"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    key: Mapped[str] = mapped_column(unique=True)
    """Name in merge tags and in `attributes`, such as "city"."""
    label: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str]
    options: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    """Of a choice: {"key": "pro", "label": "Pro plan"} each, in the order of forms."""
    fallback: Mapped[str] = mapped_column(default="")
    """Text that merge tags show for people without a value."""
    help: Mapped[str] = mapped_column(default="")
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Limits of values: `least` and `most` (of numbers, dates, length of text), `required`."""
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)

    __table_args__ = (
        sa.CheckConstraint(f"type IN {FIELD_TYPES!r}", name="type"),
        NEVER_REUSED,
    )


class ListField(Base):
    """A field that the sign-up form of a list asks for."""

    __tablename__ = "list_field"

    list_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("list.id", ondelete="CASCADE"), primary_key=True
    )
    field_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("field.id", ondelete="CASCADE"), primary_key=True
    )

    __table_args__ = (Index("ix_list_field_field_id", "field_id"),)


CHANGE_KINDS = ("convert", "rename", "release", "clear")
CHANGE_STATES = ("running", "done")


class FieldChange(Base):
    """A change of stored values, carried out in slices.

    convert   text under `key` takes the form of the field; the rest moves to "<key>_original"
    rename    values move from `key` to the key in `settings`
    release   values under `key` become text again, as attributes without a field have it
    clear     values under `key` are deleted

    `settings`: the notation of a conversion, the definition that wrote the values, the new key.
    People with ids up to `position` are done; those beyond `last_id` came later.
    """

    __tablename__ = "field_change"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    kind: Mapped[str]
    key: Mapped[str]
    label: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(default="running")
    position: Mapped[int] = mapped_column(BigKey, default=0)
    last_id: Mapped[int] = mapped_column(BigKey, default=0)
    people_changed: Mapped[int] = mapped_column(default=0)
    people_kept: Mapped[int] = mapped_column(default=0)
    """Number of people whose value could not be converted, and is kept as an attribute."""
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(f"kind IN {CHANGE_KINDS!r}", name="kind"),
        sa.CheckConstraint(f"status IN {CHANGE_STATES!r}", name="status"),
        Index("ix_field_change_status", "status"),
        NEVER_REUSED,
    )
