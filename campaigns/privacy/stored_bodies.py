"""Stored posts and emails: delete them after a limited time, and remove erased people from them.

Bodies that led to a suppression are its evidence, and are kept for longer.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

import sqlalchemy as sa

from campaigns.campaign.models import Delivery
from campaigns.db import db
from campaigns.events.models import BodyErasure, Event, Incoming

KEEP = timedelta(days=30)
KEEP_EVIDENCE = timedelta(days=365)
AT_ONCE = 500
SLICE_BYTES = 8 * 1024 * 1024
"""Bytes of bodies that are searched at once."""
SLICE_ROWS = 500
CHUNK = 1_000


def overdue(now: datetime) -> Sequence[int]:
    """Return some rows that were kept for long enough, oldest first."""
    return db.session.scalars(
        sa.select(Incoming.id).where(_is_overdue(now)).order_by(Incoming.received_at).limit(AT_ONCE)
    ).all()


def delete(ids: Collection[int], *, now: datetime) -> None:
    """Delete these rows; their events stay."""
    db.session.execute(
        sa.delete(Incoming)
        .where(Incoming.id.in_(sorted(ids)), _is_overdue(now))
        .execution_options(synchronize_session=False)
    )


def _is_overdue(now: datetime) -> sa.ColumnElement[bool]:
    is_old = Incoming.received_at < now - KEEP
    return sa.and_(
        Incoming.state != "waiting",
        sa.or_(
            sa.and_(Incoming.is_evidence.is_(False), is_old),
            sa.and_(Incoming.is_evidence.is_(True), Incoming.received_at < now - KEEP_EVIDENCE),
        ),
    )


# --- erased people --------------------------------------------------------------------------------


def forget(subscriber_ids: Collection[int], addresses: Collection[str]) -> None:
    """Remove these people from events and bodies. Call it before their deliveries lose them.

    Replies of servers and emails about them are emptied at once. All other bodies follow slice by
    slice (`carry_on`), as there may be many.
    """
    deliveries = sa.select(Delivery.id).where(Delivery.subscriber_id.in_(sorted(subscriber_ids)))
    reported = db.session.scalars(
        sa.update(Event)
        .where(Event.delivery_id.in_(deliveries), Event.incoming_id.is_not(None))
        .values(detail="")
        .returning(Event.incoming_id)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.execute(
        sa.update(Event)
        .where(Event.delivery_id.in_(deliveries), Event.detail != "")
        .values(detail="")
        .execution_options(synchronize_session=False)
    )
    _empty_emails([number for number in set(reported) if number is not None])
    last = db.session.scalar(sa.select(sa.func.max(Incoming.id)))
    if last is not None:
        db.session.add_all(
            BodyErasure(address=address, position=0, last_id=last)
            for address in sorted({one.lower() for one in addresses})
        )
        db.session.flush()


def _empty_emails(ids: Sequence[int]) -> None:
    """Empty the emails about a person: they may name them in an encoded form."""
    for start in range(0, len(ids), CHUNK):
        db.session.execute(
            sa.update(Incoming)
            .where(Incoming.id.in_(sorted(ids)[start : start + CHUNK]), Incoming.channel == "email")
            .values(body=b"", headers={})
            .execution_options(synchronize_session=False)
        )


def is_any_left() -> bool:
    """Return whether bodies are still to be searched for erased people."""
    return db.session.scalar(sa.select(BodyErasure.id).limit(1)) is not None


def carry_on() -> None:
    """Search the next slice of bodies for the person erased first, and remove their address.

    A body that no job has read yet is left until it was: it may be about other people, too.
    """
    wanted = db.session.scalar(
        sa.select(BodyErasure).order_by(BodyErasure.id).limit(1).with_for_update(skip_locked=True)
    )
    if wanted is None:
        return
    rows = db.session.execute(
        sa.select(Incoming.id, sa.func.length(Incoming.body).label("size"), Incoming.state)
        .where(Incoming.id > wanted.position, Incoming.id <= wanted.last_id)
        .order_by(Incoming.id)
        .limit(SLICE_ROWS)
    ).all()
    size = 0
    forms = _forms(wanted.address)
    for row in rows:
        size += row.size
        if row.state == "waiting" or (size > SLICE_BYTES and size > row.size):
            return
        _scrub(row.id, forms)
        wanted.position = row.id
    if len(rows) < SLICE_ROWS:
        db.session.delete(wanted)


def _scrub(incoming_id: int, forms: Sequence[bytes]) -> None:
    body = db.session.scalar(sa.select(Incoming.body).where(Incoming.id == incoming_id)) or b""
    clean, lowered = bytearray(body), body.lower()
    for form in forms:
        start = lowered.find(form)
        while start >= 0:
            end = start + len(form)
            clean[start:end] = b"x" * len(form)
            start = lowered.find(form, end)
    if clean != body:
        db.session.execute(
            sa.update(Incoming)
            .where(Incoming.id == incoming_id)
            .values(body=bytes(clean))
            .execution_options(synchronize_session=False)
        )


def _forms(address: str) -> list[bytes]:
    """Return how bodies write an address, in lower case."""
    local, _, domain = address.rpartition("@")
    forms = (
        address,
        quote(address, safe="").lower(),
        f"{local}\\u0040{domain}",
        f"{local}=40{domain}",
        f"{local}={domain}",
    )
    return [form.encode("utf-8", "replace") for form in dict.fromkeys(forms)]
