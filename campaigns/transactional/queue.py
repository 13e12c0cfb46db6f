"""Mails to one person because of something they did: confirmations, test sends, alerts.

queued -> sending -> sent | failed | unknown, or back to queued to be tried again. A mail whose
body may have left when its process died is `unknown` and is never sent again by itself. So is one
that waits in a restored database.
"""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.db import db, rows_changed
from campaigns.transactional.models import TransactionalEmail

Kind = Literal["confirm", "test", "alert", "password_reset", "password_changed"]
Outcome = Literal["sent", "failed", "unknown"]

LEASE = timedelta(seconds=12)
"""Until the body leaves. Renewed meanwhile, so what a killed worker had claimed is soon free."""
BODY_LEASE = timedelta(minutes=2)
"""From then on: longer than the server's answer may take, and what is lost is not sent again."""
TRY_FOR = timedelta(hours=24)
FIRST_RETRY_SECONDS = 30
LONGEST_RETRY_SECONDS = 3600
RING_LOST_AFTER = timedelta(seconds=2)
STALLED_AT_ONCE = 500
KEEP = timedelta(days=30)
"""How long a mail that is done is kept: long enough to look into why it did not arrive."""
OUTDATED_AT_ONCE = 500

HANDING_OVER = "Being handed over"
"""The reason of a `sending` mail whose body may be on its way. See `begin_body`."""
NO_ANSWER = "The connection broke before the server's answer; it may have arrived"
RESTORED = "On hold: the database was restored from a backup, so it may have been sent already"
NOT_REPEATED = "Not sent again after a restore from a backup; it may have arrived"
HELD = sa.and_(TransactionalEmail.status == "unknown", TransactionalEmail.reason == RESTORED)
"""Emails on hold after a restore, until somebody decides."""
NO_SENDER = "No sender address is set up: Settings > Sending"


def enqueue(
    kind: Kind, address: str, payload: Mapping[str, Any], *, now: datetime
) -> TransactionalEmail:
    """Put a mail on its way; ring "transactional" with its id after the commit.

    Payloads: confirm {subscriber_id, list_id, sent_at}, test {campaign_id, as_subscriber_id or
    None}, alert {subject, text}, password_reset and password_changed {}.
    """
    mail = TransactionalEmail(kind=kind, address=address, payload=dict(payload), created_at=now)
    db.session.add(mail)
    db.session.flush()
    return mail


@dataclass(frozen=True, slots=True)
class MailStatus:
    """How a mail stands. `is_final`: it will not change by itself any more."""

    status: str
    reason: str
    address: str
    is_final: bool


def status(mail_id: int) -> MailStatus | None:
    """How this mail stands; None where there is no such mail."""
    mail = db.session.get(TransactionalEmail, mail_id, populate_existing=True)
    if mail is None:
        return None
    reason = "" if mail.reason == HANDING_OVER else mail.reason
    is_final = mail.status in {"sent", "failed", "unknown"}
    return MailStatus(mail.status, reason, mail.address, is_final)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail taken to be sent, as it was when it was taken. `attempt` tells ours from others'."""

    id: int
    kind: str
    address: str
    payload: Mapping[str, Any]
    attempt: int
    created_at: datetime


def claim(mail_id: int, *, now: datetime) -> Claimed | None:
    """Take a mail to send it: queued and due, or left by a process that died before the body.

    None when there is nothing to do: it is done, not due, or somebody else's.
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
                sa.and_(_lease_is_over(now), TransactionalEmail.reason != HANDING_OVER),
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
    return Claimed(mail.id, mail.kind, mail.address, mail.payload, mail.attempts, mail.created_at)


def begin_body(mail: Claimed, *, now: datetime) -> bool:
    """Note that the body is about to leave: from here on its fate may be unknown.

    False when the mail is not ours any more; then it must not be sent.
    """
    return _change(mail, {"reason": HANDING_OVER, "lease_until": now + BODY_LEASE})


def renew(mail: Claimed, *, now: datetime) -> bool:
    """Lengthen the lease of a mail whose body has not left. False: it has, or it is not ours."""
    return _change(mail, {"lease_until": now + LEASE}, TransactionalEmail.reason != HANDING_OVER)


def finish(mail: Claimed, outcome: Outcome, *, now: datetime, reason: str = "") -> bool:
    """Write the end of this attempt. False when the mail is not ours any more."""
    values: dict[str, Any] = {"status": outcome, "reason": reason, "lease_until": None}
    if outcome == "sent":
        values["sent_at"] = now
    return _change(mail, values)


def try_again(mail: Claimed, *, now: datetime, reason: str) -> bool:
    """Back to the queue with a growing wait; after a day it has failed."""
    seconds = min(FIRST_RETRY_SECONDS * 2 ** (mail.attempt - 1), LONGEST_RETRY_SECONDS)
    due = now + timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311
    if due > mail.created_at + TRY_FOR:
        return finish(mail, "failed", now=now, reason=reason)
    values = {"status": "queued", "reason": reason, "not_before": due, "lease_until": None}
    return _change(mail, values)


def give_up_lost(mail_id: int, *, now: datetime) -> bool:
    """A process died with the body on its way: `unknown`. Whether this call did it."""
    lost = db.session.execute(
        sa.update(TransactionalEmail)
        .where(
            TransactionalEmail.id == mail_id,
            _lease_is_over(now),
            TransactionalEmail.reason == HANDING_OVER,
        )
        .values(status="unknown", reason=NO_ANSWER, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(lost) > 0


def hold_restored() -> int:
    """Hold every email that waits in a restored database: it may have left. Returns how many.

    They are `unknown` until `send_restored` or `leave_restored`.
    """
    return _change_all(
        TransactionalEmail.status.in_(("queued", "sending")),
        status="unknown",
        reason=RESTORED,
        not_before=None,
        lease_until=None,
    )


def send_restored(*, now: datetime) -> int:
    """Queue what is held after a restore, as if it had never been tried; the sweep rings."""
    return _change_all(HELD, status="queued", reason="", attempts=0, not_before=now)


def leave_restored() -> int:
    """Never send what is held after a restore. Returns how many."""
    return _change_all(HELD, reason=NOT_REPEATED)


def waiting() -> sa.Select[int]:
    """The ids of all that would be sent without anybody's doing."""
    return sa.select(TransactionalEmail.id).where(
        TransactionalEmail.status.in_(("queued", "sending"))
    )


def stalled(now: datetime) -> list[int]:
    """Ids of mails to ring for: due, or left behind by a process that died. Oldest first."""
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
    """Ids of mails that are done and need not be kept any more, oldest first: some hundreds."""
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
    """Delete these mails. At most some hundreds."""
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
    mail: Claimed, values: Mapping[str, Any], condition: sa.ColumnElement[bool] | None = None
) -> bool:
    """Change a mail that is still being sent, in this attempt."""
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
