"""Export subscribers as CSV, streamed with constant memory."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from campaigns.addresses import normalise
from campaigns.audience.imports.mapping import OWN_SUBSCRIBERS
from campaigns.audience.models import (
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.audience.search import Search
from campaigns.csv_writing import BOM, csv_text
from campaigns.db import db

PAGE = 1_000


def export_rows(
    list_id: int | None = None, state: str | None = None, query: str = ""
) -> Iterator[str]:
    """Yield CSV of the matching subscribers, in chunks of text; the first begins with a BOM.

    `list_id` and `state` filter by list and by state (there, or in any list); `query` is part of an
    address or name, or a domain ("@example.org"). Columns: address, names, state, suppression
    reason, date added, then every attribute that any of them has. The state is that of the list.
    Without a list, it is the strictest of all their lists, or "none", so that importing the file
    into a list subscribes nobody who left another.
    """
    chosen = _chosen(list_id, state, query)
    names = _attribute_names(chosen)
    yield BOM + csv_text([[*OWN_SUBSCRIBERS, *names]])
    for page in _pages(chosen):
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
                    *(row.attributes.get(name, "") for name in names),
                ]
                for row in page
            ]
        )


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


def _chosen(list_id: int | None, state: str | None, query: str) -> sa.Select[Any]:
    columns = (
        Subscriber.id,
        Subscriber.address,
        Subscriber.name,
        Subscriber.first_name,
        Subscriber.last_name,
        Subscriber.created_at,
        Subscriber.attributes,
        _SUPPRESSED.label("suppressed"),
    )
    if list_id is not None:
        statement = (
            sa.select(*columns, Subscription.state)
            .join(Subscription, Subscription.subscriber_id == Subscriber.id)
            .where(Subscription.list_id == list_id)
        )
        if state:
            statement = statement.where(Subscription.state == state)
    else:
        statement = sa.select(*columns, _STRICTEST.label("strictness"))
        if state:
            statement = statement.where(
                sa.exists().where(
                    Subscription.subscriber_id == Subscriber.id, Subscription.state == state
                )
            )
    wanted = Search(query)
    if wanted.is_domain:  # as in the table of subscribers
        return statement.where(Subscriber.domain == wanted.domain)
    if query.strip():
        part = normalise(query)
        statement = statement.where(
            sa.or_(
                Subscriber.address_normal.contains(part, autoescape=True),
                sa.func.lower(Subscriber.name).contains(part, autoescape=True),
            )
        )
    return statement


def _pages(statement: sa.Select[Any]) -> Iterator[Sequence[Any]]:
    """Yield rows page by page, by key."""
    last = 0
    while True:
        page = db.session.execute(
            statement.where(Subscriber.id > last).order_by(Subscriber.id).limit(PAGE)
        ).all()
        if not page:
            return
        yield page
        last = page[-1].id


def _attribute_names(statement: sa.Select[Any]) -> list[str]:
    """Return every attribute that any of these has. The header comes before the first row."""
    narrow = statement.with_only_columns(Subscriber.id, Subscriber.attributes)
    return sorted({name for page in _pages(narrow) for row in page for name in row.attributes})
