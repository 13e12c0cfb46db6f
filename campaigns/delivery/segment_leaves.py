"""Rules of segments about how many emails people were sent.

Also what rules about other deeds share: how many campaigns' emails, of which campaigns, since when.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from campaigns.audience.models import Subscriber
from campaigns.audience.segments.comparing import MAX_VALUES
from campaigns.audience.segments.leaves import Condition, Context, Leaf, LeafKind, Use, register
from campaigns.audience.segments.values import among
from campaigns.campaign.models import Delivery
from campaigns.db import db

MAX_TIMES = 1_000
MAX_DAYS = 3_650


class BehaviourLeaf(Leaf):
    """Did something with at least, at most or exactly `n` emails.

    `campaigns`: emails of these only, or of any. `days`: within the last days, or ever.
    """

    count: Literal["at_least", "at_most", "exactly"] = "at_least"
    n: Annotated[int, Field(ge=0, le=MAX_TIMES)] = 1
    campaigns: Annotated[tuple[int, ...], Field(max_length=MAX_VALUES)] = ()
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = None


Deeds = Callable[[Any], sa.Select[Any]]
"""Selects `subscriber_id`, `campaign_id` and `at` of the emails of a rule."""


def behaviour_kind(model: type[BehaviourLeaf], deeds: Deeds) -> LeafKind[Any, int]:
    """Return the kind of rule that counts these emails."""

    def condition(leaf: BehaviourLeaf, context: Context) -> Condition:
        return _is_counted(leaf, lambda n: _at_least(n, _restricted(leaf, deeds, context), context))

    def value(leaf: BehaviourLeaf, subscriber_id: int, context: Context) -> int:
        """Return the number of emails."""
        found = _restricted(leaf, deeds, context)
        return (
            db.session.scalar(
                sa.select(sa.func.count()).select_from(found).where(
                    found.c.subscriber_id == subscriber_id
                )
            )
            or 0
        )  # fmt: skip

    return LeafKind(
        name=model.model_fields["kind"].default,
        model=model,
        condition=condition,
        value=value,
        holds=lambda leaf, value, context: _holds(leaf, value),
        uses=lambda leaf: [Use("campaign", one) for one in leaf.campaigns],
        is_behaviour=True,
    )


def _restricted(leaf: BehaviourLeaf, deeds: Deeds, context: Context) -> sa.Subquery:
    """Select the emails of the rule's campaigns and days."""
    found = deeds(leaf).subquery()
    chosen = sa.select(found.c.subscriber_id)
    if leaf.campaigns:
        chosen = chosen.where(among(found.c.campaign_id, leaf.campaigns))
    if leaf.days is not None:
        chosen = chosen.where(found.c.at >= _start(leaf.days, context))
    return chosen.subquery()


def _start(days: int, context: Context) -> datetime:
    return context.now - timedelta(days=days)


def _is_counted(leaf: BehaviourLeaf, at_least: Callable[[int], Condition]) -> Condition:
    match leaf.count:
        case "at_least":
            return at_least(leaf.n)
        case "at_most":
            return sa.not_(at_least(leaf.n + 1))
        case "exactly":
            return sa.and_(at_least(leaf.n), sa.not_(at_least(leaf.n + 1)))


def _at_least(n: int, found: sa.Subquery, context: Context) -> Condition:
    if n == 0:
        return sa.true()
    people = sa.select(found.c.subscriber_id).where(
        found.c.subscriber_id.is_not(None), context.within(found.c.subscriber_id)
    )
    if n > 1:
        people = people.group_by(found.c.subscriber_id).having(sa.func.count() >= n)
    return Subscriber.id.in_(people)


def _holds(leaf: BehaviourLeaf, value: int) -> bool:
    match leaf.count:
        case "at_least":
            return value >= leaf.n
        case "at_most":
            return value <= leaf.n
        case "exactly":
            return value == leaf.n


def emails(at: sa.SQLColumnExpression[datetime | None], *conditions: Condition) -> sa.Select[Any]:
    """Select the deliveries that have this time."""
    found: sa.Select[Any] = sa.select(
        Delivery.subscriber_id, Delivery.campaign_id, at.label("at")
    ).where(at.is_not(None), *conditions)
    return found


class SentLeaf(BehaviourLeaf):
    """Was sent this many emails."""

    kind: Literal["sent"] = "sent"


register(behaviour_kind(SentLeaf, lambda leaf: emails(Delivery.sent_at)))
