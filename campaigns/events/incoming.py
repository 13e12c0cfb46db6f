"""Webhook posts and emails as they came in: stored first, read by a job.

So a sender gets its answer at once, nothing is lost while a parser fails, and what was received is
the evidence for what followed.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from campaigns.db import claimable, db, insert_ignoring
from campaigns.events.bounces import mime
from campaigns.events.feedback import Feedback
from campaigns.events.models import Incoming
from campaigns.reason import Reason

Channel = Literal["webhook", "email"]
MAX_BYTES = 10 * 1024 * 1024
"""Size limit of a post, and of the part of an email that is stored."""
MAX_STRANGE = 1_000
"""Number of emails of a mailbox, or of the listeners, after which one without a token is deleted.

Anyone can send emails to the return address: they must not fill the disk.
"""
MAX_STRANGE_BYTES = 64 * 1024
"""Bytes that are kept of an email without a token."""
_STRANGE_AT_ONCE = 50
PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""Time before each further attempt, so that a temporary fault does not use up all of them."""
MAX_ATTEMPTS = len(PAUSES) + 1
NO_TOKEN = Reason("incoming.no_token")
"""Verdict about an email or post without a token of ours."""


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
        "body": body[: mime.MAX_BYTES if channel == "email" else MAX_BYTES],
        "size": len(body),
        "dedupe": dedupe,
    }
    added: int | None = db.session.scalar(insert_ignoring(Incoming).returning(Incoming.id), row)
    return added


def digest(channel: Channel, endpoint_id: int | None, body: bytes) -> str:
    """Return a `dedupe` for what has no id: the same bytes by the same way."""
    return f"{channel}:{endpoint_id or 0}:{hashlib.sha256(body).hexdigest()}"


def waiting(limit: int) -> Sequence[int]:
    """Return ids of what no job has read yet, oldest first."""
    return db.session.scalars(_waiting(limit)).all()


def due(limit: int, *, now: datetime) -> Sequence[int]:
    """Return ids of what could not be read, and is to be tried again now, oldest first."""
    return db.session.scalars(_due(limit, now)).all()


_WAITS = Incoming.state == sa.literal_column("'waiting'")
"""Must match the condition of the indexes literally, or SQLite ignores them."""


def _waiting(limit: int) -> sa.Select[int]:
    is_new = (_WAITS, Incoming.retry_at.is_(None))
    return sa.select(Incoming.id).where(*is_new).order_by(Incoming.id).limit(limit)


def _due(limit: int, now: datetime) -> sa.Select[int]:
    return (
        sa.select(Incoming.id)
        .where(_WAITS, Incoming.retry_at <= now)
        .order_by(Incoming.retry_at, Incoming.id)
        .limit(limit)
    )


# --- attempts to read it --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to read a row, counted before it begins, as it may kill the process."""

    id: int
    number: int
    """More than MAX_ATTEMPTS if no attempt is left."""


def claim_new(limit: int, *, now: datetime) -> list[Attempt]:
    """Claim what no job has read yet, oldest first."""
    return _claim(_waiting(limit), now)


def claim_due(*, now: datetime) -> list[Attempt]:
    """Claim one row that is to be tried again now, if there is one.

    Each is claimed alone, so that one which kills the process uses up no attempts of others.
    """
    return _claim(_due(1, now), now)


def claim(incoming_id: int, *, now: datetime) -> list[Attempt]:
    """Claim this row, unless it is done, another job reads it, or its pause is not over."""
    is_free = sa.or_(Incoming.retry_at.is_(None), Incoming.retry_at <= now)
    return _claim(sa.select(Incoming.id).where(Incoming.id == incoming_id, _WAITS, is_free), now)


def _claim(ids: sa.Select[int], now: datetime) -> list[Attempt]:
    """Count an attempt for each, and begin the pause after it."""
    pauses = {number: now + pause for number, pause in enumerate(PAUSES)}
    rows = db.session.execute(
        sa.update(Incoming)
        .where(Incoming.id.in_(claimable(ids)))
        .values(
            attempts=Incoming.attempts + 1,
            retry_at=sa.case(
                *((Incoming.attempts == number, at) for number, at in pauses.items()),
                else_=now + PAUSES[-1],
            ),
        )
        .returning(Incoming.id, Incoming.attempts)
        .execution_options(synchronize_session=False)
    )
    return sorted((Attempt(*row) for row in rows), key=lambda one: one.id)


def release(attempts: Iterable[Attempt], *, now: datetime) -> None:
    """Undo these claims, unless another job has claimed them since: the attempts were not made."""
    claims = [(one.id, one.number) for one in attempts]
    db.session.execute(
        sa.update(Incoming)
        .where(sa.tuple_(Incoming.id, Incoming.attempts).in_(claims), _WAITS)
        .values(
            attempts=Incoming.attempts - 1,
            retry_at=sa.case((Incoming.attempts > 1, now), else_=None),
        )
        .execution_options(synchronize_session=False)
    )


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
    if row.channel == "email" and verdict == NO_TOKEN:
        row.body = row.body[:MAX_STRANGE_BYTES]
        _delete_strange(row)


def _delete_strange(row: Incoming) -> None:
    """Delete emails without a token beyond the last MAX_STRANGE of this mailbox or the listeners.

    Each email moves the others on by one, so only those just beyond the limit are checked.
    """
    passed = (
        sa.select(Incoming.id)
        .where(
            Incoming.channel == "email",
            Incoming.endpoint_id == row.endpoint_id,
            Incoming.state == "done",
        )
        .order_by(Incoming.id.desc())
        .offset(MAX_STRANGE)
        .limit(_STRANGE_AT_ONCE)
    )
    strange = sa.select(Incoming.id).where(
        Incoming.id.in_(passed), Incoming.verdict == NO_TOKEN.pack()
    )
    db.session.execute(
        sa.delete(Incoming)
        .where(Incoming.id.in_(claimable(strange)))
        .execution_options(synchronize_session=False)
    )


def fail(attempt: Attempt, reason: Reason, *, now: datetime) -> None:
    """Note why this attempt failed. After the last one, the row waits for a person."""
    is_last = attempt.number >= MAX_ATTEMPTS
    changes: dict[str, object] = {"verdict": reason.pack(), "processed_at": now}
    if is_last:
        changes |= {"attempts": MAX_ATTEMPTS, "state": "failed", "retry_at": None}
    db.session.execute(
        sa.update(Incoming)
        .where(Incoming.id == attempt.id, _WAITS, Incoming.attempts == attempt.number)
        .values(changes)
        .execution_options(synchronize_session=False)
    )


def replay(public_id: str) -> int | None:
    """Let it be read again; returns its id, or None if it is gone or was refused.

    Events that it reported before are not recorded twice.
    """
    return db.session.scalar(
        sa.update(Incoming)
        .where(Incoming.public_id == public_id, Incoming.state.in_(("done", "failed")))
        .values(state="waiting", attempts=0, retry_at=None)
        .returning(Incoming.id)
    )
