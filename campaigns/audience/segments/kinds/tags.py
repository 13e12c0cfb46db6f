"""Rules about tags."""

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from campaigns.audience.models import SubscriberTag
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
from campaigns.db import db

MAX_TAGS = 100


class TagLeaf(Leaf):
    """Has any, all or none of these tags."""

    kind: Literal["tag"] = "tag"
    op: Literal["has_any", "has_all", "has_none"] = "has_any"
    tags: Annotated[tuple[RowId, ...], Field(min_length=1, max_length=MAX_TAGS)]


def _condition(leaf: TagLeaf, context: Context) -> Condition:
    if leaf.op == "has_all":
        return sa.and_(*(_has_one((tag,), context) for tag in leaf.tags))
    has_one = _has_one(leaf.tags, context)
    return sa.not_(has_one) if leaf.op == "has_none" else has_one


def _has_one(tags: tuple[int, ...], context: Context) -> Condition:
    return context.has_row(SubscriberTag.subscriber_id, among(SubscriberTag.tag_id, tags))


def _value(leaf: TagLeaf, subscriber_id: int, context: Context) -> frozenset[int]:
    """Return the person's tags."""
    return frozenset(
        db.session.scalars(
            sa.select(SubscriberTag.tag_id).where(SubscriberTag.subscriber_id == subscriber_id)
        )
    )


def _holds(leaf: TagLeaf, value: frozenset[int], context: Context) -> bool:
    match leaf.op:
        case "has_all":
            return value >= set(leaf.tags)
        case "has_any":
            return not value.isdisjoint(leaf.tags)
        case "has_none":
            return value.isdisjoint(leaf.tags)


register(
    LeafKind(
        name="tag",
        model=TagLeaf,
        condition=_condition,
        value=_value,
        holds=_holds,
        uses=lambda leaf: [Use("tag", tag) for tag in leaf.tags],
    )
)
