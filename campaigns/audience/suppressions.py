"""The suppression list: addresses that get nothing from us, whatever lists they are on.

Addresses are suppressed, not subscribers: they stay suppressed when the subscriber is deleted,
imported again or signs up again.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns import addresses
from campaigns.audience.models import LiftedSuppression, Suppression
from campaigns.audience.paging import Page, count_up_to, fetch, number_key, prefix
from campaigns.db import db, insert_ignoring, rows_changed

REASONS = ("manual", "complaint", "hard_bounce", "erased")
AUTOMATIC = ("complaint", "hard_bounce")
"""Reasons for which an address is suppressed without a decision by a user."""
MAX_NOTE = 300
CHUNK = 1_000


def suppress(
    address_normal: str, *, reason: str, source: str, now: datetime, note: str = ""
) -> bool:
    """Suppress an address (its normal form). Returns whether this call did it.

    `reason` is one of REASONS, `source` names who or what caused it. For an already suppressed
    address, the first reason stays, except that a complaint replaces a manual one.
    """
    return bool(suppress_many([address_normal], reason=reason, source=source, now=now, note=note))


def suppress_many(
    normals: Iterable[str], *, reason: str, source: str, now: datetime, note: str = ""
) -> int:
    """Suppress these addresses (normal forms); returns how many were not suppressed before."""
    if reason not in REASONS:
        raise ValueError(f"unknown reason for a suppression: {reason}")
    shared = {"reason": reason, "source": source, "note": note[:MAX_NOTE], "created_at": now}
    wanted = sorted(set(normals))
    added = _add([{"address_normal": normal, **shared} for normal in wanted])
    if reason == "complaint":
        _override(wanted, shared, weaker=("manual",))
    return added


def _override(normals: Sequence[str], values: dict[str, Any], *, weaker: Sequence[str]) -> None:
    """Let a complaint replace a weaker reason, so that undoing that does not lift it."""
    for start in range(0, len(normals), CHUNK):
        db.session.execute(
            sa.update(Suppression)
            .where(
                Suppression.address_normal.in_(normals[start : start + CHUNK]),
                Suppression.reason.in_(weaker),
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def _add(rows: Sequence[dict[str, Any]]) -> int:
    """Add these suppressions; returns how many were new."""
    added = 0
    for start in range(0, len(rows), CHUNK):
        statement = insert_ignoring(Suppression).returning(Suppression.id)
        added += len(db.session.scalars(statement, rows[start : start + CHUNK]).all())
    return added


@dataclass(frozen=True, slots=True)
class SuppressionRecord:
    """A suppression in an export; the address is a normal form."""

    address_normal: str
    reason: str
    source: str
    note: str
    since: datetime


def restore(kept: Iterable[SuppressionRecord]) -> int:
    """Restore suppressions from an export; returns how many were missing.

    For an already suppressed address, the stored suppression stays.
    """
    first: dict[str, SuppressionRecord] = {}
    for one in kept:
        first.setdefault(one.address_normal, one)
    return _add(
        [
            {
                "address_normal": one.address_normal,
                "reason": one.reason,
                "source": one.source,
                "note": one.note[:MAX_NOTE],
                "created_at": one.since,
            }
            for _, one in sorted(first.items())
        ]
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """An address (its normal form) and the event of a delivery because of which it is suppressed.

    `words`: what the server said.
    """

    address_normal: str
    campaign_id: int
    delivery_id: int
    words: str = ""
    event_id: int | None = None


def suppress_bounced(found: Iterable[Evidence], *, now: datetime) -> int:
    """Suppress bounced addresses; returns how many were not suppressed before."""
    return _add(_rows_of(found, "hard_bounce", "bounce", now))


def suppress_complained(found: Iterable[Evidence], *, now: datetime) -> int:
    """Suppress addresses of people who complained; returns how many were not suppressed before."""
    rows = _rows_of(found, "complaint", "complaint", now)
    added = _add(rows)
    for row in rows:
        _override([row["address_normal"]], row, weaker=("manual", "hard_bounce"))
    return added


def _rows_of(
    found: Iterable[Evidence], reason: str, source: str, now: datetime
) -> list[dict[str, Any]]:
    """Return rows in the order of addresses, so that two batches cannot deadlock."""
    return [
        {
            "address_normal": one.address_normal,
            "reason": reason,
            "source": source,
            "note": one.words[:MAX_NOTE],
            "campaign_id": one.campaign_id,
            "delivery_id": one.delivery_id,
            "event_id": one.event_id,
            "created_at": now,
        }
        for one in sorted(found, key=lambda one: (one.address_normal, one.delivery_id))
    ]


def lift_bounced(delivery_ids: Collection[int]) -> int:
    """Lift the suppressions that these deliveries led to; returns how many."""
    lifted = 0
    ids = sorted(delivery_ids)
    for start in range(0, len(ids), CHUNK):
        lifted += rows_changed(
            db.session.execute(
                sa.delete(Suppression)
                .where(
                    Suppression.delivery_id.in_(ids[start : start + CHUNK]),
                    Suppression.reason == "hard_bounce",
                )
                .execution_options(synchronize_session=False)
            )
        )
    return lifted


def is_suppressed(address_normal: str) -> bool:
    """Return whether this address (its normal form) gets nothing from us."""
    return find(address_normal) is not None


def find(address_normal: str) -> Suppression | None:
    """Return the suppression of this address (its normal form)."""
    return db.session.scalar(
        sa.select(Suppression).where(Suppression.address_normal == address_normal)
    )


def lift(address_normal: str, *, by: str, now: datetime) -> bool:
    """Lift the suppression of an address. Returns whether it was suppressed.

    Subscriptions do not change: whoever unsubscribed stays unsubscribed. An automatic suppression
    is remembered with its evidence, and earlier bounces no longer count. `by`: address of the
    user.
    """
    return _lift(Suppression.address_normal == address_normal, by, now) is not None


def lift_by_public_id(public_id: str, *, by: str, now: datetime) -> str | None:
    """Lift a suppression, like `lift`; returns its address, or None if it does not exist."""
    return _lift(Suppression.public_id == public_id, by, now)


def _lift(which: sa.ColumnElement[bool], by: str, now: datetime) -> str | None:
    found = db.session.execute(
        sa.delete(Suppression)
        .where(which)
        .returning(Suppression.address_normal, Suppression.reason, *_REMEMBERED)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if found is None:
        return None
    normal, reason, source, note, campaign_id, delivery_id, event_id, suppressed_at = found
    if reason in AUTOMATIC:
        lifted = LiftedSuppression(
            address_normal=normal,
            reason=reason,
            source=source,
            note=note,
            campaign_id=campaign_id,
            delivery_id=delivery_id,
            event_id=event_id,
            suppressed_at=suppressed_at,
            lifted_at=now,
            lifted_by=by,
        )
        db.session.add(lifted)
        db.session.flush()
    return str(normal)


_REMEMBERED = (
    Suppression.source,
    Suppression.note,
    Suppression.campaign_id,
    Suppression.delivery_id,
    Suppression.event_id,
    Suppression.created_at,
)


def page(
    text: str = "", *, before: str | None = None, after: str | None = None
) -> Page[Suppression]:
    """Return one page of suppressions, newest first, or by address for a search by its start."""
    if text:
        return fetch(
            _matching(text),
            sa.type_coerce(Suppression.address_normal, sa.Text),
            name="address_normal",
            descending=False,
            before=before,
            after=after,
        )
    return fetch(
        _matching(""),
        sa.type_coerce(Suppression.id, sa.BigInteger),
        name="id",
        descending=True,
        before=number_key(before),
        after=number_key(after),
    )


def count(text: str = "", *, most: int) -> int:
    """Count them, up to `most` + 1."""
    return count_up_to(_matching(text).with_only_columns(Suppression.id), most)


def _matching(text: str) -> sa.Select[Any]:
    statement = sa.select(Suppression)
    if text:
        statement = statement.where(prefix(Suppression.address_normal, addresses.normalise(text)))
    return statement


def export_rows() -> Iterator[tuple[str, str, str, str, datetime]]:
    """Yield (address, reason, source, note, since) of every suppression, oldest first."""
    last = 0
    while True:
        rows = db.session.execute(
            sa.select(
                Suppression.id,
                Suppression.address_normal,
                Suppression.reason,
                Suppression.source,
                Suppression.note,
                Suppression.created_at,
            )
            .where(Suppression.id > last)
            .order_by(Suppression.id)
            .limit(CHUNK)
        ).all()
        for row in rows:
            yield row[1], row[2], row[3], row[4], row[5]
        if len(rows) < CHUNK:
            return
        last = rows[-1].id
