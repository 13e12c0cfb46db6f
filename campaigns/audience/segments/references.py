"""What rules refer to, also through the segments that they name."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import AudienceList, ImportRun, Tag
from campaigns.audience.segments.leaves import Use
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import RulesError, parse, uses
from campaigns.db import db

_STORED = {"list": AudienceList.id, "tag": Tag.id, "import": ImportRun.id}


def is_broken(segment_id: int, segments: Mapping[int, Any]) -> bool:
    """Return whether a segment refers to a list, tag, import or segment that was deleted.

    "Is not on the list" would hold for everyone then. `segments`: the rules of all, by id. Raises
    RulesError for unusable rules.
    """
    wanted: dict[str, set[int | str]] = defaultdict(set)
    for use in all_uses(segment_id, segments):
        wanted[use.what].add(use.key)
    return not wanted["segment"] <= segments.keys() or any(
        wanted[what] and _count(key, wanted[what]) < len(wanted[what])
        for what, key in _STORED.items()
    )


def _count(key: sa.SQLColumnExpression[int], wanted: set[int | str]) -> int:
    return db.session.scalar(sa.select(sa.func.count(key)).where(key.in_(wanted))) or 0


def all_uses(segment_id: int, segments: Mapping[int, Any]) -> set[Use]:
    """Return everything that a segment refers to, itself included. Raises RulesError.

    `segments`: the rules of all, by id.
    """
    found: set[Use] = set()
    queue = {Use("segment", segment_id)}
    while queue:
        use = queue.pop()
        found.add(use)
        if use.what == "segment" and (rules := segments.get(int(use.key))) is not None:
            queue |= uses(parse(rules)) - found
    return found


def segments_using(use: Use) -> list[Segment]:
    """Return the segments whose own rules refer to this, by name."""
    every = db.session.scalars(sa.select(Segment).order_by(Segment.name))
    return [segment for segment in every if use in _own_uses(segment)]


def _own_uses(segment: Segment) -> set[Use]:
    try:
        return uses(parse(segment.rules))
    except RulesError:  # of a newer version
        return set()
