"""Rules about other segments."""

from typing import Literal

import sqlalchemy as sa

from campaigns.audience.segments import compile as compiler
from campaigns.audience.segments import explain as explaining
from campaigns.audience.segments import tree
from campaigns.audience.segments.leaves import (
    Condition,
    Context,
    Leaf,
    LeafKind,
    RowId,
    Use,
    register,
)


class SegmentLeaf(Leaf):
    """Is in another segment, or is not."""

    kind: Literal["segment"] = "segment"
    op: Literal["in", "not_in"] = "in"
    segment: RowId


def _condition(leaf: SegmentLeaf, context: Context) -> Condition:
    found = compiler.checked_condition(tree.parse(context.segments[leaf.segment]), context)
    return sa.not_(found) if leaf.op == "not_in" else found


def _value(leaf: SegmentLeaf, subscriber_id: int, context: Context) -> bool:
    """Return whether the person is in the other segment."""
    root = tree.parse(context.segments[leaf.segment])
    return explaining.checked_explanation(root, subscriber_id, context).holds


register(
    LeafKind(
        name="segment",
        model=SegmentLeaf,
        condition=_condition,
        value=_value,
        holds=lambda leaf, value, context: value == (leaf.op == "in"),
        uses=lambda leaf: [Use("segment", leaf.segment)],
    )
)
