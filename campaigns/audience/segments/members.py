"""Who is in a segment: count them, show a few, page through them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.workspace import workspace_zone
from campaigns.audience.fields.models import Field
from campaigns.audience.models import Subscriber
from campaigns.audience.segments import compile as compiler
from campaigns.audience.segments.leaves import Condition, Context
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import Group, parse
from campaigns.db import db


@dataclass(frozen=True, slots=True)
class Count:
    """A number of people. `margin` is None for an exact count, else its 95% margin."""

    people: int
    margin: int | None = None


def context_at(now: datetime) -> Context:
    """Read what conditions depend on."""
    fields = db.session.execute(sa.select(Field.key, Field.type)).all()
    segments = db.session.execute(sa.select(Segment.id, Segment.rules)).all()
    return Context(
        now=now,
        zone=workspace_zone(),
        fields={row.key: row.type for row in fields},
        segments={row.id: row.rules for row in segments},
    )


def condition_of(segment_id: int, context: Context) -> Condition:
    """Return the condition of a saved segment, for any statement over `Subscriber`.

    Raises RulesError if its rules can no longer be used, LookupError if it was deleted.
    """
    return compiler.condition(parse(context.segments[segment_id]), context)


def selected(root: Group, context: Context) -> sa.Select[Any]:
    """Select the subscribers in a segment."""
    return sa.select(Subscriber).where(compiler.condition(root, context))


def count(root: Group, context: Context) -> Count:
    """Count the people in a segment."""
    found = sa.select(sa.func.count(Subscriber.id)).where(compiler.condition(root, context))
    return Count(db.session.scalar(found) or 0)


def sample(root: Group, context: Context, *, limit: int = 10) -> list[Subscriber]:
    """Return a few people of a segment, newest first."""
    return list(
        db.session.scalars(selected(root, context).order_by(Subscriber.id.desc()).limit(limit))
    )
