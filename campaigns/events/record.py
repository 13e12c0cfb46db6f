"""Write down what came back: the events themselves, and their stamps on the deliveries."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
import structlog

from campaigns.campaign.models import Delivery
from campaigns.db import db, insert_ignoring
from campaigns.delivery.resend import resolve_unknown
from campaigns.events.models import Event
from campaigns.messages import EventKind, ProviderEvent

log = structlog.get_logger()

CHUNK = 1_000

STAMPS: dict[str, tuple[EventKind, ...]] = {
    "delivered_at": ("delivered",),
    "bounced_at": ("bounced",),
    "complained_at": ("complained",),
    # Who clicks has read, even when the mail program loads no images.
    "first_opened_at": ("opened", "clicked"),
    "first_clicked_at": ("clicked",),
    "unsubscribed_at": ("unsubscribed",),
}
"""Columns of a delivery, and the kinds of event whose earliest moment they hold."""

ARRIVED: tuple[EventKind, ...] = ("delivered", "complained", "opened", "clicked", "unsubscribed")
"""Kinds of event that prove that an email arrived."""


def record(events: Sequence[ProviderEvent], *, now: datetime) -> int:
    """Store events and stamp their deliveries; returns how many were new.

    Told twice (the same `dedupe`), an event is stored once. Events of unknown deliveries are
    dropped: the campaign was deleted since. An event from the future, by a clock that is
    wrong, counts as of `now`.
    """
    return sum(
        _record_chunk(events[start : start + CHUNK], now) for start in range(0, len(events), CHUNK)
    )


def _record_chunk(events: Sequence[ProviderEvent], now: datetime) -> int:
    campaigns, unknown = _lock_deliveries({event.delivery_id for event in events})
    known = [event for event in events if event.delivery_id in campaigns]
    if len(known) < len(events):
        log.info("events of unknown deliveries dropped", count=len(events) - len(known))
    if not known:
        return 0
    rows = [
        {
            "delivery_id": event.delivery_id,
            "campaign_id": campaigns[event.delivery_id],
            "kind": event.kind,
            "at": min(event.at, now),
            "dedupe": event.dedupe,
            "link_number": event.link_number,
            "user_agent": event.user_agent,
        }
        for event in known
    ]
    added = db.session.scalars(insert_ignoring(Event).returning(Event.id), rows).all()
    for column, kinds in STAMPS.items():
        _stamp(column, kinds, {event.delivery_id for event in known if event.kind in kinds})
    _resolve([event for event in known if event.delivery_id in unknown], now)
    return len(added)


def _lock_deliveries(ids: Collection[int]) -> tuple[dict[int, int], set[int]]:
    """{delivery id: campaign id} of those that exist, and which of them are `unknown`.

    Locked in one order everywhere, that of their ids, so that two batches with the same people
    cannot deadlock.
    """
    rows = db.session.execute(_LOCK, {"ids": sorted(ids)}).all()
    campaigns = {row.id: row.campaign_id for row in rows}
    return campaigns, {row.id for row in rows if row.status == "unknown"}


def _resolve(events: Sequence[ProviderEvent], now: datetime) -> None:
    """What comes back of a delivery tells whether it arrived."""
    bounced = {event.delivery_id for event in events if event.kind == "bounced"}
    arrived = {event.delivery_id for event in events if event.kind in ARRIVED} - bounced
    resolve_unknown(bounced, has_arrived=False, now=now)
    resolve_unknown(arrived, has_arrived=True, now=now)


def _stamp(column: str, kinds: Sequence[EventKind], ids: Collection[int]) -> None:
    """Set the column to the earliest moment of these kinds, if that is earlier than it holds."""
    if ids:
        # As a Core statement: with the ORM's, a list of parameters would mean keys of rows.
        db.session.connection().execute(_stamping(column, kinds), {"ids": sorted(ids)})


# Made once: to build a statement costs more than to run it, and every click comes by here.
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_LOCK = (
    sa.select(Delivery.id, Delivery.campaign_id, Delivery.status)
    .where(Delivery.id.in_(_IDS))
    .order_by(Delivery.id)
    .with_for_update(key_share=True)
)


@cache
def _stamping(column: str, kinds: Sequence[EventKind]) -> sa.Update:
    target = getattr(Delivery, column)
    earliest = (
        sa.select(sa.func.min(Event.at))
        .where(Event.delivery_id == Delivery.id, Event.kind.in_(kinds))
        .correlate(Delivery)
        .scalar_subquery()
    )
    return (
        sa.update(Delivery)
        .where(Delivery.id.in_(_IDS), sa.or_(target.is_(None), target > earliest))
        .values({target: earliest})
    )
