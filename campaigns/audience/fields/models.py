"""The definitions of custom fields."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.clock import utcnow
from campaigns.db import NEVER_REUSED, Base, Mapped, id_key, mapped_column, public_id

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
    """Name in merge fields and in `attributes`, such as "city"."""
    label: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str]
    options: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    """Of a choice: {"key": "pro", "label": "Pro plan"} each, in the order of forms."""
    fallback: Mapped[str] = mapped_column(default="")
    """Text that merge fields show for people without a value."""
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
