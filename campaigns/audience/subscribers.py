"""Find, add, change and delete subscribers."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns import addresses
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    Subscriber,
    SubscriberTag,
    Subscription,
    Suppression,
    Tag,
)
from campaigns.db import db, insert_ignoring, is_postgresql
from campaigns.inputs import one_line
from campaigns.reason import ReasonError

MAX_NAME = 200
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_NAME = 64
MAX_ATTRIBUTE_VALUE = 2_000
SAMPLE = 2_000
"""Number of the newest and of the oldest subscribers that `known_attributes` reads."""
RESERVED = ("name", "first_name", "last_name", "address", "email", "attributes", "id")
"""Merge tags that every subscriber has; no attribute may hide them."""


class SubscriberError(ReasonError):
    """The subscriber cannot be saved."""

    public_id = ""
    """The subscriber who has the address already, if that is the reason."""


# --- Find


@dataclass(frozen=True, slots=True)
class Names:
    """A person's names as typed."""

    full: str = ""
    first: str = ""
    last: str = ""

    @classmethod
    def of(cls, person: Subscriber) -> "Names":
        """Return a person's names; a full name that is only joined is empty."""
        joined = joined_name(person.first_name, person.last_name)
        full = "" if person.name == joined else person.name
        return cls(full, person.first_name, person.last_name)

    @property
    def whole(self) -> str:
        """The full name as given, else joined from the others."""
        return self.full or joined_name(self.first, self.last)

    def columns(self) -> dict[str, str]:
        """Return the columns of a subscriber. Raises SubscriberError."""
        first, last = _checked_name(self.first, "first_name"), _checked_name(self.last, "last_name")
        full = Names(_checked_name(self.full, "name"), first, last).whole
        return {"name": full, "first_name": first, "last_name": last}


@dataclass(frozen=True, slots=True)
class Edit:
    """What someone changed of a subscriber; everything else stays.

    `names`: parts of Names by name. `attributes`: new values; None removes one.
    """

    address: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


def joined_name(first: str, last: str) -> str:
    """Return the full name of someone of whom only first and last name are known."""
    return f"{first} {last}".strip()[:MAX_NAME]


def find_or_create(
    address: str,
    *,
    name: str = "",
    names: Names | None = None,
    attributes: Mapping[str, Any] | None = None,
    now: datetime,
) -> tuple[Subscriber, bool]:
    """Return the subscriber with this address, and whether this call added them.

    An existing subscriber stays unchanged: a stranger who types their address into a form must not
    rename them. Raises addresses.InvalidAddressError.
    """
    parsed = addresses.parse(address)
    statement = (
        insert_ignoring(Subscriber)
        .values(
            address=parsed.text,
            address_normal=parsed.normal,
            domain=parsed.domain,
            **(names or Names(one_line(name)[:MAX_NAME])).columns(),
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


def ids_of(public_ids: Collection[str]) -> list[int]:
    """Return the ids of the subscribers with these public ids, without deleted ones."""
    return list(
        db.session.scalars(
            sa.select(Subscriber.id)
            .where(Subscriber.public_id.in_(sorted(public_ids)))
            .order_by(Subscriber.id)
        )
    )


def find_by_address(address_normal: str) -> Subscriber | None:
    """Return the subscriber with this address, in its normal form."""
    return db.session.scalar(
        sa.select(Subscriber).where(Subscriber.address_normal == address_normal)
    )


def load(subscriber_ids: Collection[int]) -> Sequence[Subscriber]:
    """Return these subscribers, oldest first. At most some hundreds."""
    return db.session.scalars(
        sa.select(Subscriber)
        .where(Subscriber.id.in_(sorted(subscriber_ids)))
        .order_by(Subscriber.id)
    ).all()


def known_attributes() -> list[str]:
    """Return the names of the attributes that subscribers have, sorted.

    Only the newest and the oldest are read: reading a million rows would delay the page. The
    newest alone may all come from one import without attributes.
    """
    read = [
        sa.select(sa.select(Subscriber.id).order_by(order).limit(SAMPLE).subquery().c.id)
        for order in (Subscriber.id.desc(), Subscriber.id.asc())
    ]
    if is_postgresql():
        keys = sa.func.jsonb_object_keys(Subscriber.attributes).table_valued("key").render_derived()
    else:
        keys = sa.func.json_each(Subscriber.attributes).table_valued("key")
    found = sa.select(keys.c.key).distinct().where(Subscriber.id.in_(sa.union(*read)))
    return sorted(db.session.scalars(found.select_from(Subscriber).join(keys, sa.true())))


def merge_data(person: Subscriber | None) -> dict[str, Any]:
    """Return what merge tags can show of a person: keyword arguments of messages.Recipient."""
    if person is None:
        return {}
    names = sa.select(Tag.name).join(SubscriberTag).where(SubscriberTag.subscriber_id == person.id)
    return {
        "name": person.name,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "attributes": person.attributes,
        "tags": tuple(db.session.scalars(names.order_by(Tag.name_normal))),
    }


# --- Subscriptions and consent


@dataclass(frozen=True, slots=True)
class ListSubscription:
    """A subscriber's subscription, with its list."""

    list: AudienceList
    subscription: Subscription


def places(subscriber_ids: Collection[int]) -> Mapping[int, Sequence[ListSubscription]]:
    """Return the subscriptions of each of these subscribers, by the name of the list."""
    found: dict[int, list[ListSubscription]] = {one: [] for one in subscriber_ids}
    rows = db.session.execute(
        sa.select(AudienceList, Subscription)
        .join(Subscription, Subscription.list_id == AudienceList.id)
        .where(Subscription.subscriber_id.in_(sorted(subscriber_ids)))
        .order_by(AudienceList.name)
    )
    for entry, subscription in rows:
        found[subscription.subscriber_id].append(ListSubscription(entry, subscription))
    return found


def opt_ins(subscriber_id: int) -> Mapping[int, ConsentEvent]:
    """Return the newest proof that this subscriber agreed, for each list."""
    newest = (
        sa.select(sa.func.max(ConsentEvent.id))
        .where(
            ConsentEvent.subscriber_id == subscriber_id,
            ConsentEvent.list_id.is_not(None),
            ConsentEvent.kind.in_(("confirmed", "subscribed")),
        )
        .group_by(ConsentEvent.list_id)
    )
    events = db.session.scalars(sa.select(ConsentEvent).where(ConsentEvent.id.in_(newest)))
    return {event.list_id: event for event in events if event.list_id is not None}


# --- Change


def add(
    address: str,
    *,
    names: Names = Names(),
    attributes: Mapping[str, Any] | None = None,
    now: datetime,
) -> Subscriber:
    """Add a subscriber. Raises InvalidAddressError, or SubscriberError for a known address."""
    found, added = find_or_create(address, names=names, attributes=attributes, now=now)
    if not added:
        raise _taken(found)
    return found


def change(subscriber_id: int, edit: Edit, *, now: datetime) -> None:
    """Change a subscriber. Raises InvalidAddressError, or SubscriberError for a taken one."""
    columns = {} if edit.address is None else _free_address(subscriber_id, edit.address)
    person = db.session.get(Subscriber, subscriber_id, with_for_update=True, populate_existing=True)
    if person is None:
        raise SubscriberError("audience.subscriber_gone")
    attributes = {**person.attributes, **edit.attributes}
    for name, value in edit.attributes.items():
        if value is None:
            del attributes[name]
    if len(attributes) > max(MAX_ATTRIBUTES, len(person.attributes)):
        raise _too_many_attributes()
    db.session.execute(
        sa.update(Subscriber)
        .where(Subscriber.id == subscriber_id)
        .values(
            **columns,
            **replace(Names.of(person), **edit.names).columns(),
            attributes=attributes,
            updated_at=now,
        )
    )


def _free_address(subscriber_id: int, address: str) -> dict[str, str]:
    """Return the columns of an address. Raises an error if it is invalid or taken."""
    parsed = addresses.parse(address)
    other = db.session.scalar(
        sa.select(Subscriber).where(
            Subscriber.address_normal == parsed.normal, Subscriber.id != subscriber_id
        )
    )
    if other is not None:
        raise _taken(other)
    return {
        "address": parsed.text, "address_normal": parsed.normal, "domain": parsed.domain
    }  # fmt: skip


def delete(subscriber_ids: Collection[int]) -> int:
    """Erase these people; returns how many there were.

    Their subscriptions are deleted. Their consent events stay, without a link to the person.
    `privacy.erasure`, which calls this, erases what other packages know.
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
    """Return those of these subscribers whose address is suppressed."""
    return set(
        db.session.scalars(
            sa.select(Subscriber.id)
            .join(Suppression, Suppression.address_normal == Subscriber.address_normal)
            .where(Subscriber.id.in_(sorted(subscriber_ids)))
        )
    )


def _taken(other: Subscriber) -> SubscriberError:
    error = SubscriberError("audience.subscriber_address_taken", field="address")
    error.public_id = other.public_id
    return error


def _checked_name(name: str, part: str) -> str:
    name = one_line(name)
    if len(name) > MAX_NAME:
        raise SubscriberError("audience.subscriber_name_too_long", field=part, most=MAX_NAME)
    return name


def attribute_name(text: str) -> str:
    """Return the name of an attribute for merge tags: "Postal code" becomes postal_code.

    Raises SubscriberError if no name is left.
    """
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore")
    name = re.sub(r"[^a-z0-9]+", "_", plain.decode().lower()).strip("_")
    if not name or name[0].isdigit():
        name = one_line(text)
        raise SubscriberError("audience.bad_attribute_name", field="attributes", name=name)
    if len(name) > MAX_ATTRIBUTE_NAME:
        most = MAX_ATTRIBUTE_NAME
        raise SubscriberError("audience.attribute_name_too_long", field="attributes", most=most)
    if name in RESERVED:
        raise SubscriberError("audience.attribute_reserved", field="attributes", name=name)
    return name


def attributes_from(
    rows: Iterable[tuple[str, str]], fields: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Return attributes from the name/value rows of a form, without empty rows.

    `fields` are values of fields, which no row may hide. Raises SubscriberError.
    """
    attributes: dict[str, Any] = dict(fields)
    for raw_name, raw_value in rows:
        value = raw_value.replace("\x00", "").strip()
        if not raw_name.strip():
            if value:
                code = "audience.attribute_without_name"
                raise SubscriberError(code, field="attributes", value=value[:40])
            continue
        name = attribute_name(raw_name)
        if name in attributes:
            raise SubscriberError("audience.attribute_twice", field="attributes", name=name)
        if len(value) > MAX_ATTRIBUTE_VALUE:
            code, most = "audience.attribute_value_too_long", MAX_ATTRIBUTE_VALUE
            raise SubscriberError(code, field="attributes", name=name, most=most)
        attributes[name] = value
    if len(attributes) > MAX_ATTRIBUTES:
        raise _too_many_attributes()
    return attributes


def _too_many_attributes() -> SubscriberError:
    code = "audience.too_many_attributes"
    return SubscriberError(code, field="attributes", most=MAX_ATTRIBUTES)
