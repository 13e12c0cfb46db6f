"""People for previews: with the longest values, with the fewest, or at random.

`most_telling` finds the one whose values serve as examples.

Up to a thousand people, all are compared. Of a larger audience, slices from several places
are: a preview must not wait for a million rows.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.campaign import audience
from campaigns.campaign.audience import Scope
from campaigns.db import db, is_postgresql

Extreme = Literal["longest", "emptiest", "random"]

SLICE = 1_000
"""Number of people read from each place. A list up to this size is read as a whole."""
PLACES = 4
LOOKED_AT = 100
"""Number of people among whom an example is chosen."""


def find(
    scope: Scope | None, which: Extreme, *, limit: int, rng: random.Random
) -> Sequence[Subscriber]:
    """Return candidates of an audience, the best first. Without a scope: of all subscribers."""
    starts = _starts(rng)
    some = audience.slices(scope, starts, size=SLICE) if scope else _of_everyone(starts)
    if some is None:
        return []
    is_wanted = audience.is_reached(scope) if scope else sa.true()
    best = _ranked(some, is_wanted, _RANK[which]()).limit(limit).subquery()
    people = sa.select(Subscriber).join(best, best.c.id == Subscriber.id)
    return db.session.scalars(people.order_by(best.c.rank, best.c.id)).all()


def _ranked(
    some: sa.Subquery, is_wanted: sa.ColumnElement[bool], rank: sa.ColumnElement[Any]
) -> sa.Select[int, Any]:
    """Select the ids of those who are wanted, lowest rank first."""
    person = sa.select(Subscriber.id, rank.label("rank")).where(is_wanted)
    if not is_postgresql():
        found = person.join(some, some.c.subscriber_id == Subscriber.id).subquery()
        return sa.select(found.c.id, found.c.rank).order_by(found.c.rank, found.c.id)
    # OFFSET 0 makes PostgreSQL look up each of a few thousand; otherwise it would read a million.
    own = person.where(Subscriber.id == some.c.subscriber_id).offset(0).lateral()
    return (
        sa.select(own.c.id, own.c.rank)
        .select_from(some)
        .join(own, sa.true())
        .order_by(own.c.rank, own.c.id)
    )


def most_telling(scope: Scope | None) -> Subscriber | None:
    """Return the person with values for the most merge tags; None if there is nobody.

    Prefers the newest of equals. Considers only the newest subscribers, or some of the audience.
    """
    if scope is None:
        people = sa.select(Subscriber).order_by(Subscriber.id.desc()).limit(LOOKED_AT)
    else:
        people = audience.sample(scope, limit=LOOKED_AT)
    return max(db.session.scalars(people), key=lambda one: (_filled(one), one.id), default=None)


def _filled(person: Subscriber) -> int:
    values = (person.name, person.first_name, person.last_name, *person.attributes.values())
    return sum(value not in {None, ""} for value in values if not isinstance(value, list | dict))


def _starts(rng: random.Random) -> list[int]:
    """Return the ids from which slices are read: the first, and some random ones."""
    highest = db.session.scalar(sa.select(sa.func.max(Subscriber.id))) or 0
    return [0, *sorted(rng.randint(0, highest) for _ in range(PLACES - 1))]


def _of_everyone(starts: Sequence[int]) -> sa.Subquery:
    parts = [
        sa.select(Subscriber.id.label("subscriber_id"))
        .where(Subscriber.id >= start)
        .order_by(Subscriber.id)
        .limit(SLICE)
        .subquery()
        for start in starts
    ]
    return sa.union(*(sa.select(part.c.subscriber_id) for part in parts)).subquery()


def _length() -> sa.ColumnElement[int]:
    """Return the length of all that merge tags can show of a person."""
    texts = (
        Subscriber.name,
        Subscriber.first_name,
        Subscriber.last_name,
        sa.cast(Subscriber.attributes, sa.Text),
    )
    first, *others = (sa.func.length(text) for text in texts)
    return sum(others, first)


_RANK: Mapping[Extreme, Callable[[], sa.ColumnElement[Any]]] = {
    "longest": lambda: -_length(),
    "emptiest": _length,
    "random": sa.func.random,
}
"""The values that people are ordered by, lowest first."""
