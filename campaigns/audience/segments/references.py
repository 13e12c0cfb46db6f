"""What rules refer to, directly or through other segments, and whether all of it still exists."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from campaigns.audience.fields.models import FieldChange
from campaigns.audience.models import AudienceList, ImportRun, Subscriber, Tag
from campaigns.audience.segments import values
from campaigns.audience.segments.leaves import REGISTRY, Context, Leaf, Use
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import Group, Rule, RulesError, leaves, parse, uses
from campaigns.db import db
from campaigns.reason import ReasonError

MAX_REFERENCES = 5
"""Length of a chain of segments that refer to each other."""
MAX_LEAVES = 400
"""Number of rules, counting those of a segment each time it is referred to."""
MAX_TEXTS = 1_000
"""Number of texts that all these rules search for inside values: SQLite took 20 s for five
times as many, before it had read a single person."""

BEING_CHANGED = "segments.field_being_changed"
"""Code of the one problem that is temporary."""

_DELETED = {
    "campaign": "segments.deleted_campaign",
    "import": "segments.deleted_import",
    "list": "segments.deleted_list",
    "tag": "segments.deleted_tag",
}

_STORED: dict[str, sa.SQLColumnExpression[int]] = {
    "list": AudienceList.id,
    "tag": Tag.id,
    "import": ImportRun.id,
}


def register(what: str, key: sa.SQLColumnExpression[int]) -> None:
    """Register the column with the ids of something that rules of a higher package refer to."""
    _STORED[what] = key


# --- Everything that rules refer to


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


def is_broken(segment_id: int, segments: Mapping[int, Any]) -> bool:
    """Return whether a segment refers to something that was deleted, such as a list or a segment.

    "Is not on the list" would hold for everyone then. `segments`: the rules of all, by id. Raises
    RulesError for unusable rules.
    """
    wanted = _by_kind(all_uses(segment_id, segments))
    return not wanted["segment"] <= segments.keys() or any(
        _missing(what, wanted[what]) for what in _STORED
    )


def _by_kind(found: set[Use]) -> Mapping[str, set[int | str]]:
    wanted: dict[str, set[int | str]] = defaultdict(set)
    for use in found:
        wanted[use.what].add(use.key)
    return wanted


def _missing(what: str, wanted: set[int | str]) -> set[int | str]:
    """Return those that were deleted."""
    if not wanted:
        return set()
    key = _STORED[what]
    return wanted - set(db.session.scalars(sa.select(key).where(key.in_(wanted))))


# --- Check rules before they are used


@dataclass(slots=True)
class _Walk:
    """The state of a walk through rules and the segments that they refer to."""

    context: Context
    counted: int = 0
    texts: int = 0
    found: dict[Use, str] = field(default_factory=dict)
    """The path of the first rule that refers to each thing."""


def check(root: Rule, context: Context) -> None:
    """Raise RulesError, with the path of the rule, for rules that cannot be used as they are.

    They refer to something that was deleted, or to themselves, do not fit the type of a field, or
    are too many; or values that they compare are being moved or converted. Without this, "is not
    on the list" would hold for everyone.
    """
    walk = _Walk(context)
    _check(root, walk, chain=(), at=None)
    wanted = _by_kind(set(walk.found))
    for what in _STORED:
        for key in _missing(what, wanted[what]):
            raise RulesError(_DELETED[what], field=walk.found[Use(what, key)])
    if wanted["field"]:
        _check_fields(wanted["field"], walk)


def _check_fields(keys: set[int | str], walk: _Walk) -> None:
    for change in db.session.scalars(sa.select(FieldChange).where(FieldChange.status == "running")):
        for key in keys & {change.key, change.settings.get("to", change.key)}:
            raise RulesError(BEING_CHANGED, field=walk.found[Use("field", key)], label=change.label)
    for key in keys - walk.context.fields.keys():
        if not _is_attribute(str(key)):
            raise RulesError(
                "segments.field_gone", field=walk.found[Use("field", key)], key=str(key)
            )


def _check(root: Rule, walk: _Walk, *, chain: tuple[int, ...], at: str | None) -> None:
    """Check the rules of a segment. `at`: the path of the rule that refers to it, if any."""
    for path, leaf in _paths(root):
        place = path if at is None else at
        walk.counted += 1
        if walk.counted > MAX_LEAVES:
            raise RulesError("segments.too_many_rules_in_all", field=place, most=MAX_LEAVES)
        kind = REGISTRY.of(leaf)
        walk.texts += kind.texts(leaf)
        if walk.texts > MAX_TEXTS:
            raise RulesError("segments.too_many_texts_in_all", field=place, most=MAX_TEXTS)
        try:
            kind.check(leaf, walk.context)
        except ReasonError as error:
            raise RulesError(error.reason.code, field=place, **error.reason.params) from None
        for use in kind.uses(leaf):
            walk.found.setdefault(use, place)
            if use.what == "segment":
                _follow(int(use.key), walk, chain=chain, at=place)


def _follow(segment_id: int, walk: _Walk, *, chain: tuple[int, ...], at: str) -> None:
    stored = walk.context.segments.get(segment_id)
    if stored is None:
        raise RulesError("segments.deleted_segment", field=at)
    if segment_id in chain:
        raise RulesError("segments.refers_to_itself", field=at)
    if len(chain) >= MAX_REFERENCES:
        raise RulesError("segments.too_many_references", field=at, most=MAX_REFERENCES)
    try:
        rules = parse(stored)
    except RulesError as error:
        raise RulesError(error.reason.code, field=at, **error.reason.params) from None
    _check(rules, walk, chain=(*chain, segment_id), at=at)


def _paths(rule: Rule, path: tuple[int, ...] = ()) -> Iterator[tuple[str, Leaf]]:
    """Yield every leaf with its path, such as "0-2"."""
    if isinstance(rule, Group):
        for index, one in enumerate(rule.rules):
            yield from _paths(one, (*path, index))
    else:
        yield "-".join(map(str, path)), rule


def _is_attribute(key: str) -> bool:
    """Return whether anyone has an attribute of this name."""
    someone = sa.select(Subscriber.id).where(values.has_entry(key)).limit(1)
    return db.session.scalar(someone) is not None


# --- Cycles


def cycle(segment_id: int, segments: Mapping[int, Any]) -> list[int]:
    """Return the segments through which one refers to itself, from itself to itself; [] if not.

    Rules that cannot be read refer to nothing.
    """
    came_from: dict[int, int] = {}
    waiting = [segment_id]
    while waiting:
        one = waiting.pop()
        for other in _named(segments.get(one)):
            if other == segment_id:
                return _way(one, came_from, segment_id)
            if other not in came_from:
                came_from[other] = one
                waiting.append(other)
    return []


def _way(last: int, came_from: Mapping[int, int], start: int) -> list[int]:
    found = [last]
    while found[-1] != start:
        found.append(came_from[found[-1]])
    return [*reversed(found), start]


def _named(stored: Any) -> list[int]:
    """Return the segments that stored rules name."""
    if stored is None:
        return []
    try:
        rules = parse(stored)
    except RulesError:
        return []
    return [
        int(use.key)
        for leaf in leaves(rules)
        for use in REGISTRY.of(leaf).uses(leaf)
        if use.what == "segment"
    ]
