"""Subscribers: found, added, changed, deleted."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns import addresses
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.db import db, insert_ignoring

MAX_NAME = 200
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_NAME = 64
MAX_ATTRIBUTE_VALUE = 2_000
SAMPLE = 2_000
"""How many subscribers `known_attributes` looks at, newest first."""
RESERVED = ("name", "address", "email", "attributes", "id")
"""Merge fields that every subscriber has; no attribute may hide them."""


class SubscriberError(ValueError):
    """The subscriber cannot be saved; the message says why. `field` is the one to blame."""

    def __init__(self, message: str, field: str = "", public_id: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.public_id = public_id
        """The subscriber who has the address already, where that is the trouble."""


# --- Finding


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


def find(public_id: str) -> Subscriber | None:
    return db.session.scalar(sa.select(Subscriber).where(Subscriber.public_id == public_id))


def ids_of(public_ids: Collection[str]) -> list[int]:
    """The ids behind these public ids; those that are gone are left out."""
    return list(
        db.session.scalars(
            sa.select(Subscriber.id)
            .where(Subscriber.public_id.in_(sorted(public_ids)))
            .order_by(Subscriber.id)
        )
    )


def load(subscriber_ids: Collection[int]) -> Sequence[Subscriber]:
    """These subscribers, oldest first. At most some hundreds."""
    return db.session.scalars(
        sa.select(Subscriber)
        .where(Subscriber.id.in_(sorted(subscriber_ids)))
        .order_by(Subscriber.id)
    ).all()


def known_attributes() -> list[str]:
    """The names of the attributes that subscribers have, sorted.

    Looked up in the newest subscribers only: reading a million rows would hold up the page.
    """
    rows = db.session.scalars(
        sa.select(Subscriber.attributes).order_by(Subscriber.id.desc()).limit(SAMPLE)
    )
    return sorted({name for attributes in rows for name in attributes})


# --- What belongs to subscribers


@dataclass(frozen=True, slots=True)
class Place:
    """A subscriber's subscription, with its list."""

    list: AudienceList
    subscription: Subscription


def places(subscriber_ids: Collection[int]) -> Mapping[int, Sequence[Place]]:
    """The subscriptions of each of these subscribers, by the name of the list."""
    found: dict[int, list[Place]] = {one: [] for one in subscriber_ids}
    rows = db.session.execute(
        sa.select(AudienceList, Subscription)
        .join(Subscription, Subscription.list_id == AudienceList.id)
        .where(Subscription.subscriber_id.in_(sorted(subscriber_ids)))
        .order_by(AudienceList.name)
    )
    for entry, subscription in rows:
        found[subscription.subscriber_id].append(Place(entry, subscription))
    return found


@dataclass(frozen=True, slots=True)
class Proof:
    """A ConsentEvent with the name of its list (empty where that was deleted)."""

    event: ConsentEvent
    list_name: str


def consent_history(subscriber_id: int, *, most: int = 500) -> list[Proof]:
    """How each subscription came and went, newest first."""
    rows = db.session.execute(
        sa.select(ConsentEvent, AudienceList.name)
        .outerjoin(AudienceList, AudienceList.id == ConsentEvent.list_id)
        .where(ConsentEvent.subscriber_id == subscriber_id)
        .order_by(ConsentEvent.id.desc())
        .limit(most)
    )
    return [Proof(event, name or "") for event, name in rows]


# --- Changing


def add(
    address: str, *, name: str = "", attributes: Mapping[str, Any] | None = None, now: datetime
) -> Subscriber:
    """A new subscriber. Raises InvalidAddressError, or SubscriberError for a known address."""
    found, added = find_or_create(address, name=_checked_name(name), attributes=attributes, now=now)
    if not added:
        raise _taken(found)
    return found


def change(
    subscriber_id: int,
    *,
    address: str,
    name: str,
    attributes: Mapping[str, Any],
    now: datetime,
) -> None:
    """Raises InvalidAddressError, or SubscriberError when the address is somebody else's."""
    parsed = addresses.parse(address)
    other = db.session.scalar(
        sa.select(Subscriber).where(
            Subscriber.address_normal == parsed.normal, Subscriber.id != subscriber_id
        )
    )
    if other is not None:
        raise _taken(other)
    changed = db.session.scalars(
        sa.update(Subscriber)
        .where(Subscriber.id == subscriber_id)
        .values(
            address=parsed.text,
            address_normal=parsed.normal,
            domain=parsed.domain,
            name=_checked_name(name),
            attributes=dict(attributes),
            updated_at=now,
        )
        .returning(Subscriber.id)
    ).all()
    if not changed:
        raise SubscriberError("This subscriber has been deleted meanwhile.")


def delete(subscriber_ids: Collection[int]) -> int:
    """Erase these people; returns how many there were.

    Their subscriptions go; their consent events stay as bare facts, without whose they were.
    What other packages know of them is for `privacy.erasure`, which calls this.
    """
    ids = sorted(subscriber_ids)
    db.session.execute(
        sa.update(ConsentEvent)
        .where(ConsentEvent.subscriber_id.in_(ids))
        .values(ip="", user_agent="")
    )
    gone = sa.delete(Subscriber).where(Subscriber.id.in_(ids)).returning(Subscriber.id)
    return len(db.session.scalars(gone).all())


def suppressed_ids(subscriber_ids: Collection[int]) -> set[int]:
    """Those of these subscribers whose address is suppressed."""
    return set(
        db.session.scalars(
            sa.select(Subscriber.id)
            .join(Suppression, Suppression.address_normal == Subscriber.address_normal)
            .where(Subscriber.id.in_(sorted(subscriber_ids)))
        )
    )


def _taken(other: Subscriber) -> SubscriberError:
    return SubscriberError(
        "There is a subscriber with this address already.", "address", other.public_id
    )


def _checked_name(name: str) -> str:
    name = clean_text(name)
    if len(name) > MAX_NAME:
        raise SubscriberError(f"The name is too long ({MAX_NAME} characters at most).", "name")
    return name


def clean_text(text: str) -> str:
    """One line without control characters: names end up in mail headers."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def attribute_name(text: str) -> str:
    """The name of an attribute as merge fields can use it: "Postal code" is postal_code.

    Raises SubscriberError where no name is left.
    """
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore")
    name = re.sub(r"[^a-z0-9]+", "_", plain.decode().lower()).strip("_")
    if not name or name[0].isdigit():
        raise SubscriberError(
            f"“{clean_text(text)}” cannot be an attribute's name: use letters, digits and _, "
            "beginning with a letter.",
            "attributes",
        )
    if len(name) > MAX_ATTRIBUTE_NAME:
        raise SubscriberError(
            f"An attribute's name has {MAX_ATTRIBUTE_NAME} characters at most.", "attributes"
        )
    if name in RESERVED:
        raise SubscriberError(
            f"“{name}” is a field of its own; choose another name for the attribute.", "attributes"
        )
    return name


def attributes_from(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Attributes from the name/value rows of a form; empty rows are left out.

    Raises SubscriberError.
    """
    attributes: dict[str, str] = {}
    for raw_name, raw_value in rows:
        value = raw_value.replace("\x00", "").strip()
        if not raw_name.strip():
            if value:
                raise SubscriberError(f"Give the value “{value[:40]}” a name.", "attributes")
            continue
        name = attribute_name(raw_name)
        if name in attributes:
            raise SubscriberError(f"The attribute “{name}” is there twice.", "attributes")
        if len(value) > MAX_ATTRIBUTE_VALUE:
            raise SubscriberError(
                f"The value of “{name}” is too long ({MAX_ATTRIBUTE_VALUE} characters at most).",
                "attributes",
            )
        attributes[name] = value
    if len(attributes) > MAX_ATTRIBUTES:
        raise SubscriberError(
            f"A subscriber has {MAX_ATTRIBUTES} attributes at most.", "attributes"
        )
    return attributes
