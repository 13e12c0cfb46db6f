"""Subscribers: found, added, changed, deleted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns import addresses
from campaigns.audience.models import Subscriber
from campaigns.db import db, insert_ignoring

MAX_NAME = 200
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_NAME = 64
MAX_ATTRIBUTE_VALUE = 2_000
SAMPLE = 2_000
"""How many subscribers `known_attributes` looks at, newest first."""


def find_or_create(
    address: str, *, name: str = "", attributes: Mapping[str, Any] | None = None, now: datetime
) -> tuple[Subscriber, bool]:
    """The subscriber with this address, and whether this call added them.

    Somebody already known is left as they are: a stranger typing their address into a form
    must not rename them. Raises addresses.InvalidAddressError.
    """
    parsed = addresses.parse(address)
    statement = (
        insert_ignoring(Subscriber)
        .values(
            address=parsed.text,
            address_normal=parsed.normal,
            domain=parsed.domain,
            name=clean_text(name)[:MAX_NAME],
            attributes=dict(attributes or {}),
            created_at=now,
            updated_at=now,
        )
        .returning(Subscriber.id)
    )
    added = db.session.scalar(statement)
    found = db.session.scalars(
        sa.select(Subscriber).where(Subscriber.address_normal == parsed.normal)
    ).one()
    return found, added is not None


def known_attributes() -> list[str]:
    """The names of the attributes that subscribers have, sorted.

    Looked up in the newest subscribers only: reading a million rows would hold up the page.
    """
    rows = db.session.scalars(
        sa.select(Subscriber.attributes).order_by(Subscriber.id.desc()).limit(SAMPLE)
    )
    return sorted({name for attributes in rows for name in attributes})


def clean_text(text: str) -> str:
    """One line without control characters: names end up in mail headers."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
