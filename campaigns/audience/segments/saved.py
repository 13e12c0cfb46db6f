"""Saved segments: find, create, change and delete them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count

import sqlalchemy as sa

from campaigns.audience.paging import Page, fetch
from campaigns.audience.segments import references, tree
from campaigns.audience.segments.leaves import Use
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import Group
from campaigns.db import db
from campaigns.inputs import one_line, several_lines
from campaigns.reason import ReasonError

MAX_NAME = 100
MAX_DESCRIPTION = 2_000


class SegmentError(ReasonError):
    """The segment cannot be saved or deleted."""


class SegmentConflictError(SegmentError):
    """Someone else saved a newer version first; nothing was saved."""

    def __init__(self) -> None:
        super().__init__("segments.changed_meanwhile")


def find(public_id: str) -> Segment | None:
    """Return the segment with this public id."""
    return db.session.scalar(sa.select(Segment).where(Segment.public_id == public_id))


def choices() -> Sequence[Segment]:
    """Return every segment by name, for a select."""
    return db.session.scalars(sa.select(Segment).order_by(Segment.name)).all()


def page(text: str = "", *, before: str | None = None, after: str | None = None) -> Page[Segment]:
    """Return segments by name, those whose name contains this text."""
    found = sa.select(Segment)
    if text:
        found = found.where(Segment.name.icontains(text, autoescape=True))
    key = sa.type_coerce(Segment.name, sa.Text())
    return fetch(found, key, name="name", descending=False, before=before, after=after)


def duplicate(
    segment_id: int, title: Callable[[str, int], str], *, editor_id: int | None, now: datetime
) -> Segment:
    """Copy a segment, also one whose rules cannot be used.

    `title` returns the name of copy number n. Raises LookupError if the segment was deleted.
    """
    segment = db.session.get(Segment, segment_id)
    if segment is None:
        raise LookupError(f"there is no segment {segment_id}")
    # In Python, since SQLite's lower() leaves letters beyond ASCII as they are.
    taken = {name.lower() for name in db.session.scalars(sa.select(Segment.name))}
    names = (title(segment.name[: MAX_NAME - 30], number) for number in count(1))
    copy = Segment(
        name=next(name for name in names if name.lower() not in taken),
        description=segment.description,
        rules=segment.rules,
        edited_by_id=editor_id,
        created_at=now,
        updated_at=now,
    )
    db.session.add(copy)
    db.session.flush()
    return copy


def create(
    name: str, root: Group, *, description: str = "", editor_id: int | None = None, now: datetime
) -> Segment:
    """Create a segment. Raises SegmentError."""
    segment = Segment(
        name=_checked_name(name),
        description=_checked_description(description),
        rules=tree.stored(root),
        edited_by_id=editor_id,
        created_at=now,
        updated_at=now,
    )
    _lock_all()
    db.session.add(segment)
    db.session.flush()
    _check_cycles(segment.id)
    return segment


def change(
    segment_id: int,
    version: int,
    *,
    name: str,
    root: Group,
    description: str = "",
    editor_id: int | None = None,
    now: datetime,
) -> int:
    """Save on top of this version; returns the new one.

    Raises SegmentConflictError if someone saved a newer one, SegmentError for bad input.
    """
    _lock_all()
    new_version: int | None = db.session.scalar(
        sa.update(Segment)
        .where(Segment.id == segment_id, Segment.version == version)
        .values(
            name=_checked_name(name, segment_id),
            description=_checked_description(description),
            rules=tree.stored(root),
            version=version + 1,
            edited_by_id=editor_id,
            updated_at=now,
        )
        .returning(Segment.version)
    )
    if new_version is None:
        raise SegmentConflictError
    _check_cycles(segment_id)
    return new_version


def delete(segment_id: int) -> None:
    """Delete a segment. The caller checks whether a campaign still needs it.

    Raises SegmentError if another segment refers to it.
    """
    _lock_all()
    using = references.segments_using(Use("segment", segment_id))
    users = [one.name for one in using if one.id != segment_id]
    if users:
        raise SegmentError("segments.used_by_segments", names=", ".join(users))
    db.session.execute(sa.delete(Segment).where(Segment.id == segment_id))


def _lock_all() -> None:
    """Prevent other edits until this transaction ends: two at once could make a cycle."""
    db.session.execute(sa.select(Segment.id).order_by(Segment.id).with_for_update()).all()


def _check_cycles(segment_id: int) -> None:
    """Raise SegmentError if a segment refers to itself."""
    rows = db.session.execute(sa.select(Segment.id, Segment.name, Segment.rules)).all()
    found = references.cycle(segment_id, {row.id: row.rules for row in rows})
    if found:
        names = {row.id: row.name for row in rows}
        raise SegmentError("segments.cycle", path=" → ".join(names[one] for one in found))


def _checked_name(name: str, segment_id: int = 0) -> str:
    name = one_line(name)
    if not name:
        raise SegmentError("segments.without_name", field="name")
    if len(name) > MAX_NAME:
        raise SegmentError("segments.name_too_long", field="name", most=MAX_NAME)
    same = sa.select(Segment.id).where(
        sa.func.lower(Segment.name) == sa.func.lower(name), Segment.id != segment_id
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise SegmentError("segments.name_taken", field="name")
    return name


def _checked_description(text: str) -> str:
    text = several_lines(text)
    if len(text) > MAX_DESCRIPTION:
        raise SegmentError(
            "segments.description_too_long", field="description", most=MAX_DESCRIPTION
        )
    return text
