"""Record events, and their times on the deliveries."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
import structlog

from campaigns.campaign.models import Delivery
from campaigns.db import db, insert_ignoring
from campaigns.delivery.resend import resolve_unknown
from campaigns.events.models import Event
from campaigns.messages import EventKind, ProviderEvent

log = structlog.get_logger()

_EVENTS = cast("sa.Table", Event.__table__)
CHUNK = 1_000

STAMPS: dict[str, tuple[EventKind, ...]] = {
    "delivered_at": ("delivered",),
    "bounced_at": ("bounced",),
    "complained_at": ("complained",),
    # A click implies an open, even if the email client loads no images.
    "first_opened_at": ("opened", "clicked"),
    "first_clicked_at": ("clicked",),
    "unsubscribed_at": ("unsubscribed",),
}
"""Columns of a delivery, and the kinds of event whose earliest time they contain."""

ARRIVED: tuple[EventKind, ...] = ("delivered", "complained", "opened", "clicked", "unsubscribed")
"""Kinds of event that prove that an email arrived."""


def record(events: Sequence[ProviderEvent], *, now: datetime) -> int:
    """Store events and stamp their deliveries; returns how many were new.

    Events with the same `dedupe` are stored once. Events of deleted deliveries are dropped. An
    event in the future, by a wrong clock, is stored as of `now`.
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
    added = store(rows)
    kinds_of = [(event.delivery_id, event.kind) for event in known]
    stamp(kinds_of)
    resolve([pair for pair in kinds_of if pair[0] in unknown], now=now)
    return len(added)


def store(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Insert rows of Event whose deliveries exist; returns {dedupe: id} of those that are new."""
    added: dict[str, int] = {}
    for start in range(0, len(rows), CHUNK):
        # A Core statement: the ORM takes a tenth longer for each event.
        statement = insert_ignoring(_EVENTS).returning(_EVENTS.c.dedupe, _EVENTS.c.id)
        some = _without_nulls(rows[start : start + CHUNK])
        added |= dict(iter(db.session.connection().execute(statement, some)))
    return added


def _without_nulls(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Leave out the columns that none of these rows fills: each value takes time to pass."""
    empty = {name for name in rows[0] if all(row[name] is None for row in rows)}
    if not empty:
        return rows
    return [{name: value for name, value in row.items() if name not in empty} for row in rows]


def stamp(events: Collection[tuple[int, EventKind]]) -> None:
    """Set the times of these deliveries, given with the kind of their event."""
    for column, kinds in STAMPS.items():
        ids = sorted({delivery_id for delivery_id, kind in events if kind in kinds})
        for start in range(0, len(ids), CHUNK):
            # A Core statement: the ORM would interpret the parameters as primary keys.
            some = {"ids": ids[start : start + CHUNK]}
            db.session.connection().execute(_stamping(column, kinds), some)


def resolve(events: Collection[tuple[int, EventKind]], *, now: datetime) -> None:
    """Resolve those of these deliveries that are unknown, by the kind of their event."""
    bounced = {delivery_id for delivery_id, kind in events if kind == "bounced"}
    arrived = {delivery_id for delivery_id, kind in events if kind in ARRIVED} - bounced
    resolve_unknown(bounced, has_arrived=False, now=now)
    resolve_unknown(arrived, has_arrived=True, now=now)


def _lock_deliveries(ids: Collection[int]) -> tuple[dict[int, int], set[int]]:
    """Return {delivery id: campaign id} of existing deliveries, and which are `unknown`.

    Always locks in the order of ids, so that two batches with the same people cannot deadlock.
    """
    rows = db.session.execute(_LOCK, {"ids": sorted(ids)}).all()
    campaigns = {row.id: row.campaign_id for row in rows}
    return campaigns, {row.id for row in rows if row.status == "unknown"}


# Built once: building it costs more than running it, and every click needs it.
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
        .where(
            Event.delivery_id == Delivery.id,
            Event.kind.in_(kinds),
            *([Event.dedupe.not_like("refused:%")] if "bounced" in kinds else []),
        )
        .correlate(Delivery)
        .scalar_subquery()
    )
    return (
        sa.update(Delivery)
        .where(Delivery.id.in_(_IDS), sa.or_(target.is_(None), target > earliest))
        .values({target: earliest})
    )
