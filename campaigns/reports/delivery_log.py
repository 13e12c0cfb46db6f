"""The delivery log of a campaign: one line per recipient, page by page, by key."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.campaign.models import DELIVERY_STATES, ENGAGED, OPEN_STATES, Delivery, Reply
from campaigns.db import db
from campaigns.reports import bounces

PAGE_SIZE = 50
EXPORT_CHUNK = 2_000

View = Literal[
    "all",
    "sent",
    "waiting",
    "failed",
    "skipped",
    "held",
    "cancelled",
    "unknown",
    "delivered",
    "opened",
    "clicked",
    "unsubscribed",
    "bounced",
    "complained",
]
"""The filters of the delivery log."""

_WITH_MOMENT = {
    "opened": Delivery.first_opened_at,
    "clicked": Delivery.first_clicked_at,
    "unsubscribed": Delivery.unsubscribed_at,
    "bounced": Delivery.bounced_at,
    "complained": Delivery.complained_at,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of deliveries. `search`: the beginning of an address, or `@` and a domain."""

    view: View = "all"
    reason: str = ""
    reply_id: int | None = None
    bounce: str = ""
    """Class of the bounces of the view `bounced`; "unknown" for those without one."""
    search: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One recipient. `reply` is the server's reply, including its id of the message.

    `subscriber_id` is the public id; None after erasure.
    """

    delivery_id: int
    subscriber_id: str | None
    address: str
    status: str
    reason: str
    reply_code: int
    reply: str
    attempts: int
    not_before: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    unsubscribed_at: datetime | None
    bounced_at: datetime | None
    complained_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Lines in the order of their keys; `previous` and `next` are keys of other pages."""

    lines: list[DeliveryLine]
    previous: int | None
    next: int | None


def log_page(
    campaign_id: int,
    chosen: Filter,
    *,
    after: int | None = None,
    before: int | None = None,
    size: int = PAGE_SIZE,
) -> DeliveryPage:
    """Return the page after the delivery `after`, or the one that ends before `before`."""
    backwards = before is not None and after is None
    key = before if backwards else after
    lines = _lines(campaign_id, chosen, key, size + 1, backwards=backwards)
    has_more = len(lines) > size
    lines = lines[:size]
    if backwards:
        lines.reverse()
    if not lines:
        return DeliveryPage([], None, None)
    has_previous = has_more if backwards else after is not None
    has_next = True if backwards else has_more
    return DeliveryPage(
        lines,
        previous=lines[0].delivery_id if has_previous else None,
        next=lines[-1].delivery_id if has_next else None,
    )


def export(campaign_id: int, chosen: Filter) -> Iterator[list[DeliveryLine]]:
    """Yield every line, in chunks. The caller may end its read transaction between two chunks."""
    after: int | None = None
    while lines := _lines(campaign_id, chosen, after, EXPORT_CHUNK, backwards=False):
        yield lines
        after = lines[-1].delivery_id


def _lines(
    campaign_id: int, chosen: Filter, key: int | None, limit: int, *, backwards: bool
) -> list[DeliveryLine]:
    picked = _picked_ids(campaign_id, chosen, key, limit, backwards=backwards).subquery()
    order = Delivery.id.desc() if backwards else Delivery.id
    rows = db.session.execute(
        sa.select(
            Delivery.id,
            Subscriber.public_id,
            Delivery.address,
            Delivery.status,
            Delivery.reason,
            sa.func.coalesce(Reply.code, 0),
            sa.func.coalesce(Reply.text, ""),
            Delivery.attempts,
            Delivery.not_before,
            Delivery.sent_at,
            Delivery.delivered_at,
            Delivery.first_opened_at,
            Delivery.first_clicked_at,
            Delivery.unsubscribed_at,
            Delivery.bounced_at,
            Delivery.complained_at,
            Delivery.reply_ref,
        )
        .select_from(picked)
        .join(Delivery, Delivery.id == picked.c.id)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(Reply, Reply.id == Delivery.reply_id)
        .order_by(order)
    )
    return [_line(*row) for row in rows]


def _line(*row: Any) -> DeliveryLine:
    *fields, ref = row
    fields[6] = fields[6].replace("{ref}", ref)
    return DeliveryLine(*fields)


def _picked_ids(
    campaign_id: int, chosen: Filter, key: int | None, limit: int, *, backwards: bool
) -> Any:
    """Return the keys of one page.

    No index has a whole campaign in the order of its keys, but each of its statuses is in that
    order: the first keys of every status together include the first keys of all.
    """
    if (reported := _reported(campaign_id, chosen)) is not None:
        return _cut(reported, reported.selected_columns.id, key, limit, backwards=backwards)
    if chosen.reason or chosen.reply_id is not None or chosen.view in _WITH_MOMENT:
        pick = sa.select(Delivery.id).where(*_conditions(campaign_id, chosen))
        # The sum keeps the planner from scanning all deliveries by key: their small index and a
        # sort are limited to this campaign.
        return _cut(pick, Delivery.id + 0, key, limit, backwards=backwards)
    parts = []
    for status in _statuses(chosen.view):
        part = sa.select(Delivery.id).where(
            Delivery.status == status, *_conditions(campaign_id, chosen)
        )
        cut = _cut(part, Delivery.id, key, limit, backwards=backwards).subquery()
        parts.append(sa.select(cut.c.id))
    merged = sa.union_all(*parts).subquery()
    return _cut(sa.select(merged.c.id), merged.c.id, None, limit, backwards=backwards)


def _reported(campaign_id: int, chosen: Filter) -> sa.Select[Any] | None:
    """Select what was reported, from events: an index has them in this order, however few.

    None for views that the deliveries table answers faster, or that only it can answer.
    """
    if chosen.reason or chosen.reply_id is not None:
        return None
    if chosen.view == "delivered" and not chosen.search:
        return bounces.delivered_of(campaign_id)
    if chosen.view != "bounced" or not (chosen.bounce or chosen.search):
        return None
    found = bounces.bounced_for(campaign_id, _class_of(chosen))
    if not chosen.search:
        return found
    picked = found.subquery()
    return (
        sa.select(picked.c.id)
        .join(Delivery, Delivery.id == picked.c.id)
        .where(_matches(chosen.search))
    )


def _class_of(chosen: Filter) -> str | None:
    """Return the class of the bounces; None for any."""
    known = {"": None, "unknown": ""}
    return known.get(chosen.bounce, chosen.bounce)


def _cut(pick: Any, column: Any, key: int | None, limit: int, *, backwards: bool) -> Any:
    if key is not None:
        pick = pick.where(column < key if backwards else column > key)
    return pick.order_by(column.desc() if backwards else column).limit(limit)


def _statuses(view: View) -> tuple[str, ...]:
    if view == "all":
        return DELIVERY_STATES
    if view == "waiting":
        return OPEN_STATES
    return ("sent",) if view == "delivered" else (view,)


def _conditions(campaign_id: int, chosen: Filter) -> list[Any]:
    found: list[Any] = [Delivery.campaign_id == campaign_id]
    if chosen.reason:
        # Must match the condition of the index literally, or SQLite ignores it.
        found += [Delivery.reason != sa.literal_column("''"), Delivery.reason == chosen.reason]
    if chosen.reply_id is not None:
        found.append(Delivery.reply_id == chosen.reply_id)
    if chosen.view == "delivered":
        found.append(Delivery.delivered_at.is_not(None))
    if chosen.view == "bounced" and chosen.bounce:
        found.append(Delivery.id.in_(bounces.bounced_for(campaign_id, _class_of(chosen))))
    if chosen.view in _WITH_MOMENT:
        found += [ENGAGED, _WITH_MOMENT[chosen.view].is_not(None)]
    elif chosen.view != "all" and (chosen.reason or chosen.reply_id is not None):
        found.append(Delivery.status.in_(_statuses(chosen.view)))
    if chosen.search:
        found.append(_matches(chosen.search))
    return found


def _matches(search: str) -> Any:
    wanted = search.strip().lower()
    address = sa.func.lower(Delivery.address)
    if wanted.startswith("@"):
        return address.endswith(wanted, autoescape=True)
    return address.startswith(wanted, autoescape=True)
