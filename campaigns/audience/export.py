"""Export subscribers as CSV, streamed with constant memory."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from campaigns.audience import selection as selections
from campaigns.audience import tags
from campaigns.audience.fields import definitions
from campaigns.audience.fields.changes import as_text
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.imports.mapping import OWN_SUBSCRIBERS
from campaigns.audience.models import (
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.audience.segments.leaves import Context
from campaigns.audience.selection import Selection
from campaigns.csv_writing import BOM, csv_text
from campaigns.db import db

PAGE = 1_000


def export_rows(selection: Selection, context: Context) -> Iterator[str]:
    """Yield CSV of the selected subscribers, in chunks of text; the first begins with a BOM.

    Columns: address, names, state, suppression reason, date added, tags, then every field and
    attribute that any of them has, in a form that our import reads back. The state is that of the
    list in the search. Without a list, it is the strictest of all their lists, or "none", so that
    importing the file into a list subscribes nobody who left another. Raises as
    `selection.condition` does.
    """
    list_id = selection.search.list_id
    names = _attribute_names(selection, context)
    fields = {one.key: one for one in definitions.all_definitions() if one.key in names}
    names = [*fields, *(name for name in names if name not in fields)]
    yield BOM + csv_text([[*OWN_SUBSCRIBERS, *names]])
    for page in _pages(_columns(list_id), selection, context):
        tags_of = tags.of([row.id for row in page])
        yield csv_text(
            [
                [
                    row.address,
                    row.name,
                    row.first_name,
                    row.last_name,
                    row.state if list_id is not None else _STRICTNESS[row.strictness],
                    row.suppressed,
                    row.created_at.isoformat(timespec="seconds"),
                    ", ".join(tag.name for tag in tags_of[row.id]),
                    *(_text(row.attributes.get(name), fields.get(name)) for name in names),
                ]
                for row in page
            ]
        )


def _text(value: Any, field: Definition | None) -> str:
    return "" if value is None else as_text(value, field)


_SUPPRESSED = (
    sa.select(Suppression.reason)
    .where(Suppression.address_normal == Subscriber.address_normal)
    .correlate(Subscriber)
    .scalar_subquery()
)
_STRICTNESS = ("none", "subscribed", "pending", "unsubscribed")
_STRICTEST = (
    sa.select(
        sa.func.coalesce(
            sa.func.max(
                sa.case(
                    {state: rank for rank, state in enumerate(_STRICTNESS)},
                    value=Subscription.state,
                )
            ),
            0,
        )
    )
    .where(Subscription.subscriber_id == Subscriber.id)
    .correlate(Subscriber)
    .scalar_subquery()
)


def _columns(list_id: int | None) -> sa.Select[Any]:
    statement = sa.select(
        Subscriber.id,
        Subscriber.address,
        Subscriber.name,
        Subscriber.first_name,
        Subscriber.last_name,
        Subscriber.created_at,
        Subscriber.attributes,
        _SUPPRESSED.label("suppressed"),
    )
    if list_id is None:
        return statement.add_columns(_STRICTEST.label("strictness"))
    on_list = Subscription.subscriber_id == Subscriber.id, Subscription.list_id == list_id
    return statement.add_columns(Subscription.state).join(Subscription, sa.and_(*on_list))


def _pages(
    statement: sa.Select[Any], selection: Selection, context: Context
) -> Iterator[Sequence[Any]]:
    """Yield the rows of the selected subscribers, a range of ids at a time."""
    for ids in selections.ranges(selection, size=PAGE):
        chosen = statement.where(selections.in_range(selection, context, ids))
        yield db.session.execute(chosen.order_by(Subscriber.id)).all()


def _attribute_names(selection: Selection, context: Context) -> list[str]:
    """Return every attribute that any of these has. The header comes before the first row."""
    pages = _pages(sa.select(Subscriber.id, Subscriber.attributes), selection, context)
    return sorted({name for page in pages for row in page for name in row.attributes})
