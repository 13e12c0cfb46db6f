"""Rules of segments about how many emails people were sent.

Also what rules about opens, clicks and bounces share: how many emails, of which campaigns, since
when.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from campaigns.audience.models import Subscriber
from campaigns.audience.segments import references
from campaigns.audience.segments.comparing import MAX_VALUES
from campaigns.audience.segments.leaves import (
    Condition,
    Context,
    Leaf,
    LeafKind,
    RowId,
    Use,
    register,
)
from campaigns.audience.segments.values import among
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, has_row

MAX_TIMES = 1_000
MAX_DAYS = 3_650


class BehaviourLeaf(Leaf):
    """Did something with at least, at most or exactly `n` emails.

    `campaigns`: emails of these only, or of any. `days`: within the last days, or ever.
    """

    count: Literal["at_least", "at_most", "exactly"] = "at_least"
    n: Annotated[int, Field(ge=0, le=MAX_TIMES)] = 1
    campaigns: Annotated[tuple[RowId, ...], Field(max_length=MAX_VALUES)] = ()
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = None


Deeds = Callable[[Any, datetime | None], Sequence[Condition]]
"""Returns the conditions for deliveries that a leaf counts, since a time or (None) ever."""


def since(
    at: sa.SQLColumnExpression[datetime | None], start: datetime | None
) -> tuple[Condition, ...]:
    """Return the conditions that this happened, and not before `start`."""
    happened = at.is_not(None)
    return (happened,) if start is None else (happened, at >= start)


def behaviour_kind(model: type[BehaviourLeaf], deeds: Deeds) -> LeafKind[Any, int]:
    """Return the kind of rule that counts the deliveries of `deeds`."""

    def restricted(leaf: BehaviourLeaf, context: Context) -> list[Condition]:
        start = None if leaf.days is None else context.now - timedelta(days=leaf.days)
        conditions = list(deeds(leaf, start))
        if leaf.campaigns:
            conditions.append(among(Delivery.campaign_id, leaf.campaigns))
        return conditions

    def condition(leaf: BehaviourLeaf, context: Context) -> Condition:
        return _condition(leaf, restricted(leaf, context), context)

    def value(leaf: BehaviourLeaf, subscriber_id: int, context: Context) -> int:
        """Return the number of emails."""
        found = sa.select(sa.func.count(Delivery.id)).where(
            Delivery.subscriber_id == subscriber_id, *restricted(leaf, context)
        )
        return db.session.scalar(found) or 0

    return LeafKind(
        name=model.model_fields["kind"].default,
        model=model,
        condition=condition,
        value=value,
        holds=lambda leaf, value, context: bool(_compared(leaf, value)),
        uses=lambda leaf: [Use("campaign", one) for one in leaf.campaigns],
        is_behaviour=True,
    )


def _condition(leaf: BehaviourLeaf, found: list[Condition], context: Context) -> Condition:
    if context.reads_everyone:
        return _among_all(leaf, found)
    own = sa.and_(
        Delivery.subscriber_id == Subscriber.id, *found, context.within(Delivery.subscriber_id)
    )
    is_never = (leaf.count, leaf.n) in {("exactly", 0), ("at_most", 0)}
    if is_never or (leaf.count, leaf.n) == ("at_least", 1):
        # Not `SELECT *`, for which SQLite reads the row in addition to the index.
        once = sa.select(Delivery.subscriber_id).where(own).correlate(Subscriber).exists()
        return sa.not_(once) if is_never else once
    number = sa.select(sa.func.count(Delivery.subscriber_id)).where(own).correlate(Subscriber)
    found_enough: Condition = _compared(leaf, number.scalar_subquery())
    return found_enough


def _among_all(leaf: BehaviourLeaf, found: list[Condition]) -> Condition:
    """Return the condition in the form that reads all such deliveries once."""

    def at_least(n: int) -> Condition:
        if n == 0:
            return sa.true()
        if n == 1:
            return has_row(Subscriber.id, Delivery.subscriber_id, *found)
        people = (
            sa.select(Delivery.subscriber_id)
            .where(Delivery.subscriber_id.is_not(None), *found)
            .group_by(Delivery.subscriber_id)
            .having(sa.func.count() >= n)
            .subquery()
        )
        return has_row(Subscriber.id, people.c.subscriber_id)

    match leaf.count:
        case "at_least":
            return at_least(leaf.n)
        case "at_most":
            return sa.not_(at_least(leaf.n + 1))
        case "exactly":
            return sa.and_(at_least(leaf.n), sa.not_(at_least(leaf.n + 1)))


def _compared(leaf: BehaviourLeaf, number: Any) -> Any:
    """Compare a number, in SQL or in Python."""
    tests = {"at_least": number >= leaf.n, "at_most": number <= leaf.n, "exactly": number == leaf.n}
    return tests[leaf.count]


references.register("campaign", Campaign.id)


class SentLeaf(BehaviourLeaf):
    """Was sent this many emails."""

    kind: Literal["sent"] = "sent"


register(behaviour_kind(SentLeaf, lambda leaf, start: since(Delivery.sent_at, start)))
