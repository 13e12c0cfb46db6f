"""The rule of segments about engagement: is the person in one of these bands?

It reads the scores of the last night, not deliveries or events, and is as quick as a rule about
fields.
"""

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from campaigns.audience.segments.leaves import Condition, Context, Leaf, LeafKind, register
from campaigns.events import scores
from campaigns.events.models import BANDS, EngagementScore
from campaigns.events.scores import Band


class EngagementLeaf(Leaf):
    """Is (or is not) in one of these bands."""

    kind: Literal["engagement"] = "engagement"
    op: Literal["is_one_of", "is_none_of"] = "is_one_of"
    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=len(BANDS))]


def _bands(leaf: EngagementLeaf) -> set[str]:
    """Return the bands that the rule holds for."""
    chosen: set[str] = set(leaf.bands)
    return chosen if leaf.op == "is_one_of" else set(BANDS) - chosen


def _condition(leaf: EngagementLeaf, context: Context) -> Condition:
    bands = _bands(leaf)
    if "new" not in bands:
        return _is_stored_as(bands, context)
    return sa.not_(_is_stored_as(set(BANDS) - bands, context))  # without a row: new


def _is_stored_as(bands: set[str], context: Context) -> Condition:
    return context.has_row(EngagementScore.subscriber_id, EngagementScore.band.in_(sorted(bands)))


def _value(leaf: EngagementLeaf, subscriber_id: int, context: Context) -> Band:
    return scores.of_person(subscriber_id).band


def _holds(leaf: EngagementLeaf, value: Band, context: Context) -> bool:
    return value in _bands(leaf)


register(
    LeafKind(
        name="engagement",
        model=EngagementLeaf,
        condition=_condition,
        value=_value,
        holds=_holds,
    )
)
