"""Tags: labels for subscribers, created when first used, unique without regard to case."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber, SubscriberTag, Tag
from campaigns.audience.paging import Page, fetch
from campaigns.audience.segments import references, saved, tree
from campaigns.audience.segments.leaves import Use
from campaigns.audience.segments.models import Segment
from campaigns.db import UtcDateTime, db, insert_ignoring, rows_given
from campaigns.inputs import one_line
from campaigns.reason import ReasonError

MAX_NAME = 100
MAX_AT_ONCE = 100
"""Number of tags that one text can name."""
MAX_CHOICES = 500
_SEPARATORS = re.compile("[,;]")


class TagError(ReasonError):
    """The tag cannot be saved."""


def names_in(text: str) -> list[str]:
    """Return the tags that a text names, separated by commas or semicolons, each once.

    Raises TagError.
    """
    found: dict[str, str] = {}
    for part in _SEPARATORS.split(text):
        if one_line(part):
            name = _checked(part)
            found.setdefault(normal(name), name)
    if len(found) > MAX_AT_ONCE:
        raise TagError("bulk.too_many_tags", field="tags", most=MAX_AT_ONCE)
    return list(found.values())


def normal(name: str) -> str:
    """Return the form of a name by which tags are compared."""
    return name.lower()


def _checked(name: str) -> str:
    name = one_line(unicodedata.normalize("NFC", name))
    if not name:
        raise TagError("bulk.tag_without_name", field="name")
    if len(name) > MAX_NAME:
        raise TagError("bulk.tag_name_too_long", field="name", most=MAX_NAME)
    if _SEPARATORS.search(name):
        raise TagError("bulk.tag_separator", field="name")
    return name


# --- find


def find(public_id: str) -> Tag | None:
    """Return the tag with this public id."""
    return db.session.scalar(sa.select(Tag).where(Tag.public_id == public_id))


def named(name: str) -> Tag | None:
    """Return the tag with this name, without regard to case."""
    wanted = normal(one_line(unicodedata.normalize("NFC", name)))
    return db.session.scalar(sa.select(Tag).where(Tag.name_normal == wanted))


def choices() -> Sequence[Tag]:
    """Return the first tags by name, for a list of suggestions."""
    return db.session.scalars(sa.select(Tag).order_by(Tag.name_normal).limit(MAX_CHOICES)).all()


def page(text: str = "", *, before: str | None = None, after: str | None = None) -> Page[Tag]:
    """Return one page of tags by name, those that contain the text."""
    statement = sa.select(Tag)
    if text:
        statement = statement.where(Tag.name_normal.contains(normal(text), autoescape=True))
    return fetch(
        statement,
        sa.type_coerce(Tag.name_normal, sa.Text),
        name="name_normal",
        descending=False,
        before=before,
        after=after,
    )


def counts(tag_ids: Collection[int]) -> Mapping[int, int]:
    """Return the number of subscribers with each of these tags."""
    rows = db.session.execute(
        sa.select(SubscriberTag.tag_id, sa.func.count())
        .where(SubscriberTag.tag_id.in_(sorted(tag_ids)))
        .group_by(SubscriberTag.tag_id)
    )
    return dict.fromkeys(tag_ids, 0) | {row[0]: row[1] for row in rows}


def of(subscriber_ids: Collection[int]) -> Mapping[int, Sequence[Tag]]:
    """Return the tags of each of these subscribers, by name. At most a few thousand."""
    found: dict[int, list[Tag]] = {one: [] for one in subscriber_ids}
    given = rows_given([{"id": one} for one in sorted(found)], {"id": sa.BigInteger()})
    rows = db.session.execute(
        sa.select(SubscriberTag.subscriber_id, Tag)
        .join(Tag, Tag.id == SubscriberTag.tag_id)
        .where(SubscriberTag.subscriber_id.in_(sa.select(given.c.id)))
        .order_by(Tag.name_normal)
    )
    for subscriber_id, tag in rows:
        found[subscriber_id].append(tag)
    return found


def names_of(subscriber_ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    """Return the names of the tags of those of these subscribers who have any, sorted."""
    given = rows_given([{"id": one} for one in subscriber_ids], {"id": sa.BigInteger()})
    rows = db.session.execute(
        sa.select(SubscriberTag.subscriber_id, Tag.name)
        .join(Tag, Tag.id == SubscriberTag.tag_id)
        .where(SubscriberTag.subscriber_id.in_(sa.select(given.c.id)))
        .order_by(Tag.name_normal)
    )
    found: defaultdict[int, list[str]] = defaultdict(list)
    for subscriber_id, name in rows:
        found[subscriber_id].append(name)
    return {one: tuple(names) for one, names in found.items()}


# --- change


def created(names: Collection[str], *, now: datetime) -> list[Tag]:
    """Return the tags with these names, from `names_in`; creates those that are missing."""
    wanted = {normal(name): name for name in names}
    if not wanted:
        return []
    db.session.execute(
        insert_ignoring(Tag),
        [
            {"name": name, "name_normal": key, "created_at": now}
            for key, name in sorted(wanted.items())
        ],
    )
    found = db.session.scalars(sa.select(Tag).where(Tag.name_normal.in_(wanted)))
    return sorted(found, key=lambda tag: tag.name_normal)


def add(subscriber_id: int, names: Collection[str], *, now: datetime) -> int:
    """Add tags to a subscriber; returns how many they did not have."""
    tags = created(names, now=now)
    return add_many([(subscriber_id, tag.id) for tag in tags], now=now)


def add_many(pairs: Collection[tuple[int, int]], *, now: datetime) -> int:
    """Add tags, as pairs of subscriber and tag; returns how many are new."""
    if not pairs:
        return 0
    given = rows_given(
        [{"subscriber_id": one, "tag_id": tag_id} for one, tag_id in sorted(set(pairs))],
        {"subscriber_id": sa.BigInteger(), "tag_id": sa.BigInteger()},
    )
    chosen = sa.select(given.c.tag_id, Subscriber.id, sa.literal(now, UtcDateTime())).where(
        Subscriber.id == given.c.subscriber_id
    )
    added = (
        insert_ignoring(SubscriberTag)
        .from_select(["tag_id", "subscriber_id", "tagged_at"], chosen)
        .returning(SubscriberTag.subscriber_id)
    )
    return len(db.session.scalars(added).all())


def remove(subscriber_id: int, tag_id: int) -> None:
    """Remove a tag from a subscriber."""
    db.session.execute(
        sa.delete(SubscriberTag).where(
            SubscriberTag.subscriber_id == subscriber_id, SubscriberTag.tag_id == tag_id
        )
    )


def rename(tag_id: int, name: str) -> None:
    """Rename a tag. Raises TagError."""
    name = _checked(name)
    other = sa.select(Tag.id).where(Tag.name_normal == normal(name), Tag.id != tag_id)
    if db.session.scalar(other) is not None:
        raise TagError("bulk.tag_name_taken", field="name")
    changed = db.session.scalars(
        sa.update(Tag)
        .where(Tag.id == tag_id)
        .values(name=name, name_normal=normal(name))
        .returning(Tag.id)
    ).all()
    if not changed:
        raise TagError("bulk.tag_gone")


def merge(tag_id: int, into_id: int, *, now: datetime) -> None:
    """Give everyone with the first tag the second, and delete the first.

    Segments that use the first use the second afterwards.
    """
    for segment in segments_using(tag_id):
        root = tree.parse(_with_tag(segment.rules, tag_id, into_id))
        saved.change(
            segment.id,
            segment.version,
            name=segment.name,
            root=root,
            description=segment.description,
            editor_id=segment.edited_by_id,
            now=now,
        )
    columns = ["tag_id", "subscriber_id", "tagged_at"]
    moved = sa.select(
        sa.literal(into_id), SubscriberTag.subscriber_id, SubscriberTag.tagged_at
    ).where(SubscriberTag.tag_id == tag_id)
    db.session.execute(insert_ignoring(SubscriberTag).from_select(columns, moved))
    delete(tag_id)


def _with_tag(stored: Any, old: int, new: int) -> Any:
    """Return stored rules with another tag."""
    if isinstance(stored, list):
        return [_with_tag(one, old, new) for one in stored]
    if not isinstance(stored, dict):
        return stored
    if stored.get("kind") == "tag":
        tags = dict.fromkeys(new if tag == old else tag for tag in stored["tags"])
        return {**stored, "tags": list(tags)}
    return {key: _with_tag(one, old, new) for key, one in stored.items()}


def delete(tag_id: int) -> None:
    """Delete a tag and remove it from everyone. The caller checks `segments_using`."""
    # In one statement by index: the cascade would delete row by row.
    db.session.execute(sa.delete(SubscriberTag).where(SubscriberTag.tag_id == tag_id))
    db.session.execute(sa.delete(Tag).where(Tag.id == tag_id))


def segments_using(tag_id: int) -> list[Segment]:
    """Return the segments whose rules name this tag."""
    return references.segments_using(Use("tag", tag_id))
