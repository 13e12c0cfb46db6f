"""What was reported after emails were accepted: deliveries, bounces by class, and the evidence.

A delivery counts as delivered once its provider has said so; many never do. It counts as bounced
once, in the class of the first bounce that was recorded. Refusals during the handover are not
bounces: those deliveries have failed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.db import db
from campaigns.events.models import Event, Incoming
from campaigns.events.policy import HARD_CLASSES

EVIDENT = ("bounced", "complained", "deferred")
"""Kinds of event whose evidence is shown."""


@dataclass(frozen=True, slots=True)
class BounceFigures:
    """Number of deliveries that bounced for this class of reasons."""

    reply_class: str
    count: int

    @property
    def is_hard(self) -> bool:
        """Return whether the address is bad."""
        return self.reply_class in HARD_CLASSES


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """An event with what the server said. `incoming`: public id of what reported it, if stored."""

    delivery_id: int
    event_id: int
    kind: str
    at: datetime
    reply_class: str
    words: str
    incoming: str


def delivered(campaign_id: int) -> int:
    """Return how many deliveries the provider has reported as delivered, from an index only."""
    return (
        db.session.scalar(
            sa.select(sa.func.count()).where(
                Event.campaign_id == campaign_id,
                Event.kind == sa.literal_column("'delivered'"),
            )
        )
        or 0
    )


def campaign_bounces(campaign_id: int) -> list[BounceFigures]:
    """Return the bounces of a campaign by class, hard ones first, then the most frequent."""
    first = _first_bounces(campaign_id)
    rows = db.session.execute(
        sa.select(first.c.reply_class, sa.func.count()).group_by(first.c.reply_class)
    )
    found = [BounceFigures(reply_class, count) for reply_class, count in rows]
    return sorted(found, key=lambda one: (not one.is_hard, -one.count, one.reply_class))


def bounced_for(campaign_id: int, reply_class: str | None) -> sa.Select[Any]:
    """Select the deliveries that count as bounced: in this class, or (None) in any."""
    first = _first_bounces(campaign_id)
    found = sa.select(first.c.delivery_id.label("id"))
    return found if reply_class is None else found.where(first.c.reply_class == reply_class)


def delivered_of(campaign_id: int) -> sa.Select[Any]:
    """Select the deliveries that were reported as delivered, from an index in their order."""
    is_delivered = Event.kind == sa.literal_column("'delivered'")
    found = sa.select(Event.delivery_id.label("id")).where(
        Event.campaign_id == campaign_id, is_delivered
    )
    return found.distinct()


def _first_bounces(campaign_id: int) -> sa.Subquery:
    """Select the first reported bounce of each delivery, not refusals, from an index only."""
    place = sa.func.row_number().over(partition_by=Event.delivery_id, order_by=Event.id)
    numbered = (
        sa.select(Event.delivery_id, Event.reply_class, place.label("place"))
        .where(
            Event.campaign_id == campaign_id,
            # Must match the condition of the index literally, or SQLite ignores it.
            Event.kind == sa.literal_column("'bounced'"),
            Event.incoming_id.is_not(None),
        )
        .subquery()
    )
    columns = numbered.c.delivery_id, numbered.c.reply_class
    return sa.select(*columns).where(numbered.c.place == 1).subquery()


def evidence_of(delivery_ids: Collection[int]) -> dict[int, list[EvidenceLine]]:
    """Return the evidence of each of these deliveries, oldest first. For one page of them."""
    found: dict[int, list[EvidenceLine]] = {}
    for line in _evidence(Event.delivery_id.in_(delivery_ids), Event.kind.in_(EVIDENT)):
        found.setdefault(line.delivery_id, []).append(line)
    return found


def evidence_of_events(event_ids: Collection[int]) -> dict[int, EvidenceLine]:
    """Return the evidence of each of these events that is still stored."""
    return {line.event_id: line for line in _evidence(Event.id.in_(event_ids))}


def _evidence(*conditions: sa.ColumnElement[bool]) -> list[EvidenceLine]:
    rows = db.session.execute(
        sa.select(
            Event.delivery_id,
            Event.id,
            Event.kind,
            Event.at,
            Event.reply_class,
            Event.detail,
            sa.func.coalesce(Incoming.public_id, ""),
        )
        .outerjoin(Incoming, Incoming.id == Event.incoming_id)
        .where(*conditions)
        .order_by(Event.at, Event.id)
    )
    return [EvidenceLine(*row) for row in rows]
