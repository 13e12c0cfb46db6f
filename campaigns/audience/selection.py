"""A selection of subscribers: the same people for a table, a count, an export and a bulk action."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from campaigns.audience import search as searching
from campaigns.audience.models import AudienceList, Subscriber, Tag
from campaigns.audience.search import Search
from campaigns.audience.segments import compile as compiler
from campaigns.audience.segments import references
from campaigns.audience.segments.leaves import Condition, Context, Ids
from campaigns.audience.segments.tree import VERSION, parse
from campaigns.db import Base, db
from campaigns.reason import ReasonError


class SelectionError(ReasonError):
    """What the selection refers to was deleted."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Subscribers selected one by one, by a search, by a segment or by its rules.

    Everything that is given must hold; nothing given means everyone.
    """

    ids: tuple[int, ...] | None = None
    search: Search = field(default_factory=Search)
    segment_id: int | None = None
    rules: Mapping[str, Any] | None = None
    """Rules in their stored form."""
    others: Mapping[int, Any] = field(default_factory=dict)
    """Rules of the segments that `rules` refer to, as they were when it was frozen."""


def to_json(selection: Selection) -> dict[str, Any]:
    """Return the stored form."""
    search = selection.search
    return {
        "ids": None if selection.ids is None else list(selection.ids),
        "text": search.text,
        "list": search.list_id,
        "state": search.state,
        "tag": search.tag_id,
        "segment": selection.segment_id,
        "rules": selection.rules,
        "others": {str(number): rules for number, rules in selection.others.items()},
    }


def from_json(stored: Mapping[str, Any]) -> Selection:
    """Read the stored form."""
    ids = stored["ids"]
    return Selection(
        ids=None if ids is None else tuple(ids),
        search=Search(stored["text"], stored["list"], stored["state"], stored["tag"]),
        segment_id=stored["segment"],
        rules=stored["rules"],
        others={int(number): rules for number, rules in stored["others"].items()},
    )


def frozen(selection: Selection, context: Context) -> Selection:
    """Return the selection with the current rules of its segment, and of those it refers to.

    Raises SelectionError, or RulesError if the rules cannot be read.
    """
    if selection.segment_id is None:
        return selection
    rules = _rules_of(selection.segment_id, context)
    used = references.all_uses(selection.segment_id, context.segments)
    others = {int(use.key) for use in used if use.what == "segment"} - {selection.segment_id}
    kept = {one: context.segments[one] for one in sorted(others) if one in context.segments}
    return replace(selection, segment_id=None, rules=rules, others=kept)


def _rules_of(segment_id: int, context: Context) -> Mapping[str, Any]:
    rules: Mapping[str, Any] | None = context.segments.get(segment_id)
    if rules is None:
        raise SelectionError("bulk.segment_gone")
    return rules


def condition(selection: Selection, context: Context) -> Condition:
    """Return the condition that a subscriber is selected, for any statement over `Subscriber`.

    Raises SelectionError if something was deleted, RulesError if the rules cannot be used.
    """
    _check(selection.search)
    found = [searching.condition(selection.search, context), narrowing(selection, context)]
    if selection.ids is not None:
        found.append(Subscriber.id.in_(selection.ids))
    return sa.and_(*found)


def narrowing(selection: Selection, context: Context) -> Condition:
    """Return the condition of the segment and the rules alone. Raises as `condition` does."""
    context = replace(context, segments={**context.segments, **selection.others})
    given = [selection.rules] if selection.rules is not None else []
    if selection.segment_id is not None:
        given.append(_rules_of(selection.segment_id, context))
    try:
        found = [compiler.condition(parse(rules), context) for rules in given]
    except LookupError:  # a segment that the rules refer to
        raise SelectionError("bulk.segment_gone") from None
    return sa.and_(sa.true(), *found)


def _check(search: Search) -> None:
    if not _exists(AudienceList, search.list_id):
        raise SelectionError("bulk.list_gone")
    if not _exists(Tag, search.tag_id):
        raise SelectionError("bulk.tag_gone")


def _exists(model: type[Base], key: int | None) -> bool:
    if key is None:
        return True
    return db.session.scalar(sa.select(sa.literal(1)).where(_key(model) == key)) is not None


def _key(model: type[Base]) -> sa.ColumnElement[int]:
    column: sa.ColumnElement[int] = model.__table__.c.id
    return column


def count(selection: Selection, context: Context, *, until: int | None = None) -> int:
    """Count the selected subscribers, of those up to the id `until`."""
    found = sa.select(sa.func.count(Subscriber.id)).where(condition(selection, context))
    if until is not None:
        found = found.where(Subscriber.id <= until)
    return db.session.scalar(found) or 0


def highest_id() -> int:
    """Return the id of the newest subscriber; 0 without any."""
    return db.session.scalar(sa.select(sa.func.max(Subscriber.id))) or 0


def next_range(
    selection: Selection, *, after: int, until: int | None = None, size: int
) -> Ids | None:
    """Return the next range of ids that holds at most `size` subscribers; None at the end.

    Walking ranges costs the same for each of a million subscribers, whatever is selected.
    """
    some = sa.select(Subscriber.id).where(Subscriber.id > after)
    if until is not None:
        some = some.where(Subscriber.id <= until)
    if selection.ids is not None:
        some = some.where(Subscriber.id.in_(selection.ids))
    range_ = some.order_by(Subscriber.id).limit(size).subquery()
    first, last = db.session.execute(
        sa.select(sa.func.min(range_.c.id), sa.func.max(range_.c.id))
    ).one()
    return None if last is None else Ids(first, last)


def in_range(selection: Selection, context: Context, ids: Ids) -> Condition:
    """Return the condition of the selected subscribers in a range of ids."""
    narrowed = replace(context, ids=ids)
    return sa.and_(Subscriber.id.between(ids.first, ids.last), condition(selection, narrowed))


def ranges(selection: Selection, *, size: int) -> Iterator[Ids]:
    """Yield ranges of ids that cover all current subscribers."""
    last: int | None = 0
    until = highest_id()
    while last is not None:
        found = next_range(selection, after=last, until=until, size=size)
        if found is not None:
            yield found
        last = found.last if found else None


def rules_of(selection: Selection) -> dict[str, Any]:
    """Return the stored form of rules that select the same people, to save them as a segment."""
    search = selection.search
    found: list[dict[str, Any]] = []
    if search.list_id is not None:
        state = search.state or "any"
        found.append({"kind": "list", "op": "is", "list": search.list_id, "state": state})
    if search.tag_id is not None:
        found.append({"kind": "tag", "op": "has_any", "tags": [search.tag_id]})
    if selection.segment_id is not None:
        found.append({"kind": "segment", "op": "in", "segment": selection.segment_id})
    if search.is_domain:
        found.append({"kind": "domain", "op": "is_one_of", "values": [search.domain]})
    elif search.may_be_a_name:
        name = {"kind": "name", "part": "full", "op": "contains", "value": search.text}
        address = {"kind": "address", "op": "contains", "value": search.needle}
        found.append({"kind": "any", "rules": [name, address]})
    elif search.is_address:
        found.append({"kind": "address", "op": "starts_with", "value": search.needle})
    return {"version": VERSION, "root": {"kind": "all", "rules": found}}
