"""Choose the audience in the editor: lists and segments to send to and to exclude.

A workspace may have thousands of both. The page shows the chosen ones and the first others; the
search asks for more.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.datastructures import MultiDict

from campaigns.audience.models import AudienceList
from campaigns.audience.segments.models import Segment
from campaigns.campaign.drafts import ChosenAudience
from campaigns.db import db
from campaigns.web.counting import counting

SHOWN = 30
"""Number of lists, and of segments, that are shown besides the chosen ones."""
DELETED = "deleted-"
"""Prefix of the value of a deleted segment, which stays chosen until the user removes it."""


_ID = re.compile(r"[1-9][0-9]{0,17}")


class SegmentDeletedError(ValueError):
    """A chosen segment was deleted after the page was read. Without it, more people match."""


@dataclass(frozen=True, slots=True)
class AudienceChoice:
    """A list or segment. `subscribed`: number of subscribers, for lists.

    The name of a deleted segment is empty.
    """

    name: str
    value: str
    is_chosen: bool
    subscribed: int | None = None


@dataclass(frozen=True, slots=True)
class AudienceChoices:
    """Lists and segments to choose from. `is_all`: there are no others."""

    lists: Sequence[AudienceChoice]
    segments: Sequence[AudienceChoice]
    is_all: bool


def included(chosen: ChosenAudience) -> AudienceChoices:
    """Return the choices of "Send to"."""
    return _choices(chosen.lists, chosen.segments)


def excluded(chosen: ChosenAudience) -> AudienceChoices:
    """Return the choices of "Exclude"."""
    return _choices(chosen.excluded_lists, chosen.excluded_segments)


def found(text: str) -> AudienceChoices:
    """Return the lists and segments whose names contain this text."""
    return _choices((), (), text)


def _choices(lists: Collection[int], segments: Collection[int], text: str = "") -> AudienceChoices:
    some_lists, are_all_lists = _rows(AudienceList.id, AudienceList.name, lists, text)
    some_segments, are_all_segments = _rows(Segment.id, Segment.name, segments, text)
    with counting() as counts:
        figures = counts.lists([number for number, _name, _value in some_lists])
    known = {number for number, _name, _value in some_segments}
    deleted = [
        AudienceChoice("", f"{DELETED}{number}", True) for number in sorted(set(segments) - known)
    ]
    return AudienceChoices(
        lists=[
            AudienceChoice(name, value, number in lists, figures[number].subscribed)
            for number, name, value in some_lists
        ],
        segments=deleted
        + [
            AudienceChoice(name, value, number in segments) for number, name, value in some_segments
        ],
        is_all=are_all_lists and are_all_segments,
    )


def _rows(
    key: InstrumentedAttribute[int],
    name: InstrumentedAttribute[str],
    chosen: Collection[int],
    text: str,
) -> tuple[list[tuple[int, str, str]], bool]:
    """Return (id, name, public id) of the chosen and the first others, and whether it is all."""
    is_chosen = key.in_(sorted(chosen))
    rows = sa.select(key, name, key.class_.public_id).order_by(name)
    others = rows.where(~is_chosen, name.icontains(text, autoescape=True)).limit(SHOWN + 1)
    if key.class_ is AudienceList:
        others = others.where(AudienceList.archived_at.is_(None))
    first = [tuple(row) for row in db.session.execute(rows.where(is_chosen))] if chosen else []
    rest = [tuple(row) for row in db.session.execute(others)]
    return first + rest[:SHOWN], len(rest) <= SHOWN


def read(form: MultiDict[str, str]) -> ChosenAudience:
    """Return the audience chosen in a form. Raises SegmentDeletedError.

    Lists deleted meanwhile are ignored: fewer people match without them.
    """
    return ChosenAudience(
        lists=frozenset(_ids(AudienceList, form.getlist("include")).values()),
        excluded_lists=frozenset(_ids(AudienceList, form.getlist("exclude")).values()),
        segments=_segment_ids(form.getlist("include_segment")),
        excluded_segments=_segment_ids(form.getlist("exclude_segment")),
    )


def _segment_ids(values: Sequence[str]) -> frozenset[int]:
    deleted = {value for value in values if value.startswith(DELETED)}
    known = _ids(Segment, values)
    if set(values) - known.keys() - deleted:
        raise SegmentDeletedError
    numbers = [value.removeprefix(DELETED) for value in deleted]
    return frozenset(known.values()) | {int(text) for text in numbers if _ID.fullmatch(text)}


def _ids(model: type[AudienceList | Segment], values: Sequence[str]) -> dict[str, int]:
    rows = db.session.execute(
        sa.select(model.public_id, model.id).where(model.public_id.in_(sorted(set(values))))
    )
    return dict(iter(rows))
