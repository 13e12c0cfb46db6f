"""Webhook posts and emails as they came in: stored first, read by a job.

So a sender gets its answer at once, nothing is lost while a parser fails, and what was received is
the evidence for what followed.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from campaigns.db import db, insert_ignoring, rows_changed
from campaigns.events.feedback import Feedback
from campaigns.events.models import Incoming
from campaigns.reason import Reason

Channel = Literal["webhook", "email"]
MAX_BYTES = 10 * 1024 * 1024
"""Size limit of a post, and of what is stored of an email."""
PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""Time before each further attempt, so that what is wrong for a while costs nothing."""
MAX_ATTEMPTS = len(PAUSES) + 1


def receive(
    *,
    channel: Channel,
    source: str,
    body: bytes,
    dedupe: str,
    now: datetime,
    headers: Mapping[str, str] | None = None,
    endpoint_id: int | None = None,
    account_id: int | None = None,
) -> int | None:
    """Store what came in, and return its id; None if it is stored already (by `dedupe`).

    Ring for the job `incoming` after the transaction.
    """
    row = {
        "channel": channel,
        "source": source,
        "endpoint_id": endpoint_id,
        "account_id": account_id,
        "received_at": now,
        "headers": dict(headers or {}),
        "body": body[:MAX_BYTES],
        "size": len(body),
        "dedupe": dedupe,
    }
    added: int | None = db.session.scalar(insert_ignoring(Incoming).returning(Incoming.id), row)
    return added


def digest(channel: Channel, endpoint_id: int | None, body: bytes) -> str:
    """Return a `dedupe` for what has no id of its own: equal bytes through the same way."""
    return f"{channel}:{endpoint_id or 0}:{hashlib.sha256(body).hexdigest()}"


def waiting(limit: int, *, after: int = 0) -> Sequence[int]:
    """Return ids of what no job has read yet, oldest first."""
    return db.session.scalars(
        sa.select(Incoming.id)
        .where(_WAITS, Incoming.retry_at.is_(None), Incoming.id > after)
        .order_by(Incoming.id)
        .limit(limit)
    ).all()


def due(limit: int, *, now: datetime) -> Sequence[int]:
    """Return ids of what could not be read, and is to be tried again now, oldest first."""
    return db.session.scalars(
        sa.select(Incoming.id)
        .where(_WAITS, Incoming.retry_at <= now)
        .order_by(Incoming.retry_at)
        .limit(limit)
    ).all()


_WAITS = Incoming.state == sa.literal_column("'waiting'")
"""Must match the condition of the indexes literally, or SQLite ignores them."""


def lock(incoming_id: int) -> Incoming | None:
    """Return a row that waits, locked until the transaction ends; None if another job has it."""
    return db.session.scalar(
        sa.select(Incoming)
        .where(Incoming.id == incoming_id, Incoming.state == "waiting")
        .with_for_update(skip_locked=True)
    )


def finish(
    row: Incoming,
    reported: Iterable[Feedback],
    *,
    new_events: int,
    verdict: Reason | None,
    now: datetime,
) -> None:
    """Mark as read. `verdict` says why it led to nothing, if it did."""
    row.kinds = dict(Counter(one.kind for one in reported))
    row.state, row.new_events, row.processed_at = "done", row.new_events + new_events, now
    row.retry_at = None
    row.verdict = verdict.pack() if verdict else ""


def fail(incoming_id: int, reason: Reason, *, attempt: int, now: datetime) -> bool:
    """Note that this attempt to read it failed; later ones wait longer.

    After the last attempt it waits for a person. An attempt that another job has noted counts once.
    """
    is_last = attempt >= MAX_ATTEMPTS
    failed = db.session.execute(
        sa.update(Incoming)
        .where(
            Incoming.id == incoming_id,
            Incoming.state == "waiting",
            Incoming.attempts == attempt - 1,
        )
        .values(
            attempts=attempt,
            verdict=reason.pack(),
            processed_at=now,
            state="failed" if is_last else "waiting",
            retry_at=None if is_last else now + PAUSES[attempt - 1],
        )
        .execution_options(synchronize_session=False)
    )
    return rows_changed(failed) == 1


def replay(public_id: str) -> int | None:
    """Let it be read once more; returns its id, or None if it is gone or was refused.

    Events that it reported before are not recorded twice.
    """
    return db.session.scalar(
        sa.update(Incoming)
        .where(Incoming.public_id == public_id, Incoming.state.in_(("done", "failed")))
        .values(state="waiting", attempts=0, retry_at=None)
        .returning(Incoming.id)
    )
