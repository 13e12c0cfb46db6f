"""The queue of emails to one person: confirmations, test emails, alerts.

queued -> sending -> sent | failed | unknown, or back to queued to be tried again. An email whose
body may have left when its process died is `unknown` and is never sent again automatically. So is
one that waits in a restored database. `reason` holds a packed `Reason`.
"""

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.db import db, rows_changed
from campaigns.reason import Reason
from campaigns.transactional.models import TransactionalEmail

Kind = Literal["confirm", "welcome", "test", "alert", "password_reset", "password_changed"]
Outcome = Literal["sent", "failed", "unknown"]

LEASE = timedelta(seconds=12)
"""Lease before the body is sent, after which a dead worker's email may be claimed again."""
BODY_LEASE = timedelta(minutes=2)
"""Lease after the body is sent. Longer than any reply takes; the email is never resent."""
TRY_FOR = timedelta(hours=24)
FIRST_RETRY_SECONDS = 30
LONGEST_RETRY_SECONDS = 3600
RING_LOST_AFTER = timedelta(seconds=2)
STALLED_AT_ONCE = 500
KEEP = timedelta(days=30)
"""Time for which a finished email is kept, to investigate why it did not arrive."""
OUTDATED_AT_ONCE = 500

HANDING_OVER = Reason("transactional.handing_over")
"""The reason of a `sending` email whose body may be on its way. See `begin_body`."""
CRASHED = Reason("transactional.crashed")
NO_ANSWER = Reason("transactional.no_answer")
RESTORED = Reason("transactional.restored")
NOT_REPEATED = Reason("transactional.not_repeated")


def _says(reason: Reason, before_codes: str) -> sa.ColumnElement[bool]:
    """Whether an email has this reason, even if stored as text by a version before codes."""
    return TransactionalEmail.reason.in_((reason.pack(), before_codes))


HELD = sa.and_(
    TransactionalEmail.status == "unknown",
    _says(
        RESTORED,
        "On hold: the database was restored from a backup, so it may have been sent already",
    ),
)
"""Emails on hold after a restore, until someone decides."""
_MAY_HAVE_LEFT = _says(HANDING_OVER, "Being handed over")


def enqueue(
    kind: Kind, address: str, payload: Mapping[str, Any], *, now: datetime
) -> TransactionalEmail:
    """Queue an email; ring "transactional" with its id after the commit.

    Payloads: confirm {subscriber_id, list_id, sent_at}, welcome {subscriber_id, list_id}, test
    {campaign_id or template_id, as_subscriber_id or None, language or missing}, alert {subject,
    text}, password_reset and password_changed {}.
    """
    mail = TransactionalEmail(kind=kind, address=address, payload=dict(payload), created_at=now)
    db.session.add(mail)
    db.session.flush()
    return mail


def is_to(people: Iterable[tuple[str, str]]) -> sa.ColumnElement[bool]:
    """Return the condition "the email goes to one of these", by (address, address_normal)."""
    spellings = {text for address, normal in people for text in _lowered(address, normal)}
    return sa.func.lower(TransactionalEmail.address).in_(sorted(spellings))


def _lowered(address: str, normal: str) -> set[str]:
    """Return the possible results of a database's lower() for the address.

    Some databases convert every letter, some only ASCII.
    """
    ascii_only = "".join(char.lower() if char.isascii() else char for char in address)
    return {normal, address.lower(), ascii_only}


@dataclass(frozen=True, slots=True)
class MailStatus:
    """The status of an email. `is_final`: it no longer changes automatically."""

    status: str
    reason: Reason | None
    address: str
    is_final: bool


def status(mail_id: int) -> MailStatus | None:
    """Return the status of this email; None if there is none."""
    mail = db.session.get(TransactionalEmail, mail_id, populate_existing=True)
    if mail is None:
        return None
    is_final = mail.status in {"sent", "failed", "unknown"}
    reason = None if mail.status == "sending" else Reason.unpack(mail.reason)
    return MailStatus(mail.status, reason, mail.address, is_final)


@dataclass(frozen=True, slots=True)
class ClaimedEmail:
    """An email claimed for sending. `attempt` identifies the claim."""

    id: int
    kind: str
    address: str
    payload: Mapping[str, Any]
    attempt: int
    created_at: datetime


def claim(mail_id: int, *, now: datetime) -> ClaimedEmail | None:
    """Claim an email that is due, or was left by a process that died before the body.

    None if there is nothing to do: it is finished, not due, or claimed by another process.
    """
    taken = db.session.execute(
        sa.update(TransactionalEmail)
        .where(
            TransactionalEmail.id == mail_id,
            sa.or_(
                sa.and_(
                    TransactionalEmail.status == "queued",
                    sa.or_(
                        TransactionalEmail.not_before.is_(None),
                        TransactionalEmail.not_before <= now,
                    ),
                ),
                sa.and_(_lease_is_over(now), ~_MAY_HAVE_LEFT),
            ),
        )
        .values(
            status="sending",
            reason="",
            attempts=TransactionalEmail.attempts + 1,
            not_before=None,
            lease_until=now + LEASE,
        )
        .execution_options(synchronize_session=False)
    )
    if not rows_changed(taken):
        return None
    mail = db.session.get_one(TransactionalEmail, mail_id, populate_existing=True)
    return ClaimedEmail(
        mail.id, mail.kind, mail.address, mail.payload, mail.attempts, mail.created_at
    )


def begin_body(mail: ClaimedEmail, *, now: datetime) -> bool:
    """Note that the body is about to be sent: from here on the outcome may be unknown.

    False if the claim was lost; then it must not be sent.
    """
    return _change(mail, {"reason": HANDING_OVER.pack(), "lease_until": now + BODY_LEASE})


def renew(mail: ClaimedEmail, *, now: datetime) -> bool:
    """Extend the lease before the body. False if the body was begun, or the claim was lost."""
    return _change(mail, {"lease_until": now + LEASE}, ~_MAY_HAVE_LEFT)


def finish(mail: ClaimedEmail, outcome: Outcome, *, now: datetime, reason: Reason) -> bool:
    """Record the outcome of this attempt. False if the claim was lost."""
    values: dict[str, Any] = {"status": outcome, "reason": reason.pack(), "lease_until": None}
    if outcome == "sent":
        values["sent_at"] = now
    return _change(mail, values)


def try_again(mail: ClaimedEmail, *, now: datetime, reason: Reason) -> bool:
    """Queue the email again with a growing delay, or fail it after a day."""
    seconds = min(FIRST_RETRY_SECONDS * 2 ** (mail.attempt - 1), LONGEST_RETRY_SECONDS)
    due = now + timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311
    if due > mail.created_at + TRY_FOR:
        return finish(mail, "failed", now=now, reason=reason)
    values = {"status": "queued", "reason": reason.pack(), "not_before": due, "lease_until": None}
    return _change(mail, values)


def note_crash(mail: ClaimedEmail, *, now: datetime) -> bool:
    """Record that making the email failed in an unforeseen way; it is tried again later.

    A test fails at once, as its user is waiting. False if its body may have been sent.
    """
    if not _change(mail, {"reason": CRASHED.pack()}, ~_MAY_HAVE_LEFT):
        return False
    if mail.kind == "test":
        return finish(mail, "failed", now=now, reason=CRASHED)
    return try_again(mail, now=now, reason=CRASHED)


def give_up_lost(mail_id: int, *, now: datetime) -> bool:
    """Mark an email whose process died after the body as `unknown`.

    Returns whether this call did.
    """
    lost = db.session.execute(
        sa.update(TransactionalEmail)
        .where(
            TransactionalEmail.id == mail_id,
            _lease_is_over(now),
            _MAY_HAVE_LEFT,
        )
        .values(status="unknown", reason=NO_ANSWER.pack(), lease_until=None)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(lost) > 0


def hold_restored() -> int:
    """Hold every waiting email of a restored database, as it may have been sent. Returns how many.

    They are `unknown` until `send_restored` or `leave_restored`.
    """
    return _change_all(
        TransactionalEmail.status.in_(("queued", "sending")),
        status="unknown",
        reason=RESTORED.pack(),
        not_before=None,
        lease_until=None,
    )


def send_restored(*, now: datetime) -> int:
    """Queue emails on hold after a restore, as if never tried; the sweep rings."""
    return _change_all(HELD, status="queued", reason="", attempts=0, not_before=now)


def leave_restored() -> int:
    """Never send emails on hold after a restore. Returns how many."""
    return _change_all(HELD, reason=NOT_REPEATED.pack())


def waiting() -> sa.Select[int]:
    """Return the ids of all emails that would be sent automatically."""
    return sa.select(TransactionalEmail.id).where(
        TransactionalEmail.status.in_(("queued", "sending"))
    )


def stalled(now: datetime) -> list[int]:
    """Return ids of emails to ring for: due, or left by a dead process. Oldest first."""
    return list(
        db.session.scalars(
            sa.select(TransactionalEmail.id)
            .where(
                TransactionalEmail.status.in_(("queued", "sending")),
                sa.or_(
                    _lease_is_over(now),
                    sa.and_(
                        TransactionalEmail.status == "queued",
                        sa.case(
                            (
                                TransactionalEmail.not_before.is_(None),
                                TransactionalEmail.created_at <= now - RING_LOST_AFTER,
                            ),
                            else_=TransactionalEmail.not_before <= now,
                        ),
                    ),
                ),
            )
            .order_by(TransactionalEmail.id)
            .limit(STALLED_AT_ONCE)
        )
    )


def outdated(now: datetime) -> list[int]:
    """Return ids of a few hundred expired finished emails, oldest first."""
    return list(
        db.session.scalars(
            sa.select(TransactionalEmail.id)
            .where(
                TransactionalEmail.created_at < now - KEEP,
                TransactionalEmail.status.in_(("sent", "failed", "unknown")),
            )
            .order_by(TransactionalEmail.created_at)
            .limit(OUTDATED_AT_ONCE)
        )
    )


def delete(mail_ids: Collection[int]) -> None:
    """Delete these emails, at most a few hundred."""
    db.session.execute(
        sa.delete(TransactionalEmail).where(TransactionalEmail.id.in_(sorted(mail_ids)))
    )


def _lease_is_over(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(TransactionalEmail.status == "sending", TransactionalEmail.lease_until < now)


def _change_all(condition: sa.ColumnElement[bool], **values: Any) -> int:
    changed = db.session.execute(
        sa.update(TransactionalEmail)
        .where(condition)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed)


def _change(
    mail: ClaimedEmail, values: Mapping[str, Any], condition: sa.ColumnElement[bool] | None = None
) -> bool:
    """Change an email that is still being sent, in this attempt."""
    changed = db.session.execute(
        sa.update(TransactionalEmail)
        .where(
            TransactionalEmail.id == mail.id,
            TransactionalEmail.status == "sending",
            TransactionalEmail.attempts == mail.attempt,
            sa.true() if condition is None else condition,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) > 0
