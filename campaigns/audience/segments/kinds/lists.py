"""Rules about subscriptions to lists."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from campaigns.audience.models import Subscription
from campaigns.audience.segments.leaves import (
    Condition,
    Context,
    Leaf,
    LeafKind,
    RowId,
    Use,
    register,
)
from campaigns.db import db

MAX_DAYS = 36_500
State = Literal["subscribed", "pending", "unsubscribed", "any"]


class ListLeaf(Leaf):
    """Is (or is not) on this list in this state, for as long as `since` says.

    `since`: any; in_last_days or before_last_days: the state began within the last `days`, or
    earlier.
    """

    kind: Literal["list"] = "list"
    op: Literal["is", "is_not"] = "is"
    list: RowId
    state: State = "subscribed"
    since: Literal["any", "in_last_days", "before_last_days"] = "any"
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 30


def _condition(leaf: ListLeaf, context: Context) -> Condition:
    start = context.now - timedelta(days=leaf.days)
    since = {
        "any": sa.true(),
        "in_last_days": Subscription.state_at >= start,
        "before_last_days": Subscription.state_at < start,
    }
    found = context.has_row(
        Subscription.subscriber_id,
        Subscription.list_id == leaf.list,
        Subscription.state == leaf.state if leaf.state != "any" else sa.true(),
        since[leaf.since],
    )
    return sa.not_(found) if leaf.op == "is_not" else found


def _value(leaf: ListLeaf, subscriber_id: int, context: Context) -> tuple[str, datetime] | None:
    """Return the state on the list, and since when; None if never on it."""
    row = db.session.execute(
        sa.select(Subscription.state, Subscription.state_at).where(
            Subscription.list_id == leaf.list, Subscription.subscriber_id == subscriber_id
        )
    ).first()
    return None if row is None else (row.state, row.state_at)


def _holds(leaf: ListLeaf, value: tuple[str, datetime] | None, context: Context) -> bool:
    found = (
        value is not None
        and leaf.state in (value[0], "any")
        and _is_in_time(leaf, value[1], context)
    )
    return found == (leaf.op == "is")


def _is_in_time(leaf: ListLeaf, at: datetime, context: Context) -> bool:
    start = context.now - timedelta(days=leaf.days)
    return leaf.since == "any" or (at >= start) == (leaf.since == "in_last_days")


register(
    LeafKind(
        name="list",
        model=ListLeaf,
        condition=_condition,
        value=_value,
        holds=_holds,
        uses=lambda leaf: [Use("list", leaf.list)],
    )
)
