"""Claim deliveries, and record what became of them. The sending itself lies between the two.

claim   queued -> sending, with a token and a lease; who left or was suppressed meanwhile is
        skipped here, so a person who unsubscribed a minute ago gets nothing
record  sending -> sent | failed | queued again | unknown, only for rows that bear the token
"""

import hashlib
import random
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from campaigns.audience.models import Subscriber, Subscription, Suppression
from campaigns.db import claimable, db, insert_ignoring, rows_changed
from campaigns.messages import Recipient, SendResult
from campaigns.sending.models import Campaign, CampaignList, Delivery, Reply

LEASE_SECONDS = 300
MAX_ATTEMPTS = 14
FIRST_RETRY_SECONDS = 60
LONGEST_RETRY_SECONDS = 4 * 3600


def claim(campaign_id: int, want: int, *, token: str, now: datetime) -> list[Recipient]:
    """Claim up to `want` due deliveries of a campaign that is `sending`.

    Every mailbox group gets its share, so that one provider's mail does not stand before all
    the others'. Returns those that may be sent.
    """
    if db.session.scalar(sa.select(Campaign.status).where(Campaign.id == campaign_id)) != "sending":
        return []
    groups = _queued_groups(campaign_id)
    claimed = 0
    for index, group in enumerate(groups):
        share = -(-(want - claimed) // (len(groups) - index))
        claimed += _claim_group(campaign_id, group, share, token, now)
    if claimed < want and claimed:
        for group in groups:  # what small groups left over goes to the large ones
            claimed += _claim_group(campaign_id, group, want - claimed, token, now)
            if claimed >= want:
                break
    if not claimed:
        return []
    _skip_the_gone(campaign_id, token, now)
    return _load(token)


def _queued_groups(campaign_id: int) -> list[str]:
    """The mailbox groups with queued rows: one index look-up each, not a scan."""
    groups: list[str] = []
    last = ""
    while True:
        found = db.session.scalar(
            sa.select(Delivery.mailbox_group)
            .where(
                Delivery.campaign_id == campaign_id,
                Delivery.status == sa.literal_column("'queued'"),
                Delivery.mailbox_group > last,
            )
            .order_by(Delivery.mailbox_group)
            .limit(1)
        )
        if found is None:
            return groups
        groups.append(found)
        last = found


def is_any_due(campaign_id: int, *, now: datetime) -> bool:
    """Whether there is anything to claim."""
    return any(
        db.session.scalar(_queued(campaign_id, group, is_due).limit(1)) is not None
        for group in _queued_groups(campaign_id)
        for is_due in _due(now)
    )


def _due(now: datetime) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Put off and due again; never tried. One by one each is a range of the index.

    As one condition, joined by OR, it is none: every claim would read past all that is put off.
    """
    return Delivery.not_before <= now, Delivery.not_before.is_(None)


def _queued(campaign_id: int, group: str, is_due: sa.ColumnElement[bool]) -> sa.Select[int]:
    return (
        sa.select(Delivery.id)
        .where(
            Delivery.campaign_id == campaign_id,
            # Written out, not bound: only so do both databases see that the partial index fits.
            Delivery.status == sa.literal_column("'queued'"),
            Delivery.mailbox_group == group,
            is_due,
        )
        .order_by(Delivery.not_before, Delivery.id)
    )


def _claim_group(campaign_id: int, group: str, count: int, token: str, now: datetime) -> int:
    claimed = 0
    for is_due in _due(now):
        if claimed < count:
            due = _queued(campaign_id, group, is_due).limit(count - claimed)
            claimed += _take(due, token, now)
    return claimed


def _take(due: sa.Select[int], token: str, now: datetime) -> int:
    result = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(claimable(due)))
        .values(
            status="sending",
            claim_token=token,
            lease_until=now + timedelta(seconds=LEASE_SECONDS),
            attempts=Delivery.attempts + 1,
            not_before=None,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result)


def _skip_the_gone(campaign_id: int, token: str, now: datetime) -> None:
    mine = (Delivery.claim_token == token, Delivery.status == "sending")
    done: dict[str, Any] = {
        "status": "skipped",
        "claim_token": None,
        "lease_until": None,
        "updated_at": now,
    }
    suppressed = (
        sa.select(Subscriber.id)
        .join(Suppression, Suppression.address_normal == Subscriber.address_normal)
        .where(Subscriber.id == Delivery.subscriber_id)
    )
    still_there = (
        sa.select(Subscription.subscriber_id)
        .join(CampaignList, CampaignList.list_id == Subscription.list_id)
        .where(
            CampaignList.campaign_id == campaign_id,
            ~CampaignList.is_excluded,
            Subscription.subscriber_id == Delivery.subscriber_id,
            Subscription.state == "subscribed",
        )
    )
    for condition, reason in (
        (sa.exists(suppressed), "suppressed"),
        (~sa.exists(still_there), "unsubscribed"),
    ):
        db.session.execute(
            sa.update(Delivery)
            .where(*mine, condition)
            .values(reason=reason, **done)
            .execution_options(synchronize_session=False)
        )


def _load(token: str) -> list[Recipient]:
    rows = db.session.execute(
        sa.select(
            Delivery.id,
            Delivery.subscriber_id,
            Delivery.list_id,
            Delivery.address,
            Subscriber.name,
            Subscriber.attributes,
        )
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.claim_token == token, Delivery.status == "sending")
        .order_by(Delivery.id)
    )
    return [
        Recipient(
            row.id, row.subscriber_id, row.list_id or 0, row.address, row.name, row.attributes
        )
        for row in rows
    ]


def record(
    token: str,
    results: Sequence[SendResult],
    *,
    now: datetime,
    unrenderable: Iterable[tuple[int, str]] = (),
    unknown_reason: str = "no_answer",
) -> None:
    """Write the outcomes of a claim, and give back whatever of it was never begun.

    Only rows that still bear the token are touched: a worker that was stopped for an hour
    cannot overwrite what was decided since.
    """
    replies = _intern_replies(results)
    rows = [_outcome(result, replies, now, unknown_reason) for result in results]
    rows += [
        {
            **_EMPTY,
            "row_id": delivery_id,
            "new_status": "failed",
            "new_reason": "unrenderable",
            "new_reply": _intern_reply_text(text),
        }
        for delivery_id, text in unrenderable
    ]
    _write_outcomes(token, rows, now)
    _release(token, now)


_EMPTY: dict[str, Any] = {
    "new_not_before": None,
    "new_reply": None,
    "new_ref": "",
    "new_sent_at": None,
    "used_attempts": 0,
}


def _outcome(
    result: SendResult, replies: dict[str, int], now: datetime, unknown_reason: str
) -> dict[str, Any]:
    """The changes for one row."""
    text, ref = split_reply(result.reply)
    row = {
        **_EMPTY,
        "row_id": result.delivery_id,
        "new_reply": replies.get(_digest(result.code, text)),
        "new_ref": ref,
    }
    if result.outcome == "sent":
        return {**row, "new_status": "sent", "new_reason": "", "new_sent_at": now}
    if result.outcome == "unknown":
        return {**row, "new_status": "unknown", "new_reason": unknown_reason}
    if result.scope == "sender":
        # Our account was refused, not the recipient: back in the queue as if never tried.
        return {**row, "new_status": "queued", "new_reason": "deferred", "used_attempts": -1}
    if result.outcome == "failed":
        return {**row, "new_status": "failed", "new_reason": "refused"}
    # How often it was tried is known to the row alone, so the row decides in _write_outcomes.
    # A try that broke off counts as well: a server that hangs up on one recipient each time
    # would else keep the campaign from ever ending.
    reason = "connection" if result.outcome == "unsent" else "deferred"
    return {**row, "new_status": "deferred", "new_reason": reason}


def retry_at(attempts: int, now: datetime) -> datetime:
    """When a deferred delivery is due again: exponential, with jitter."""
    seconds = min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LONGEST_RETRY_SECONDS)
    return now + timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311


def _write_outcomes(token: str, rows: list[dict[str, Any]], now: datetime) -> None:
    deferred = [row for row in rows if row["new_status"] == "deferred"]
    if deferred:
        tries = db.session.execute(
            sa.select(Delivery.id, Delivery.attempts).where(
                Delivery.claim_token == token,
                Delivery.id.in_([row["row_id"] for row in deferred]),
            )
        )
        attempts = dict(iter(tries))
        for row in deferred:
            tried = attempts.get(row["row_id"], 1)
            if tried >= MAX_ATTEMPTS:
                row.update(new_status="failed", new_reason="gave_up")
            else:
                row.update(new_status="queued", new_not_before=retry_at(tried, now))
    if not rows:
        return
    table = cast("sa.Table", Delivery.__table__)
    statement = (
        sa.update(table)
        .where(
            table.c.id == sa.bindparam("row_id"),
            table.c.claim_token == token,
            table.c.status == "sending",
        )
        .values(
            status=sa.bindparam("new_status"),
            reason=sa.bindparam("new_reason"),
            not_before=sa.bindparam("new_not_before", type_=table.c.not_before.type),
            reply_id=sa.bindparam("new_reply"),
            reply_ref=sa.bindparam("new_ref"),
            sent_at=sa.bindparam("new_sent_at", type_=table.c.sent_at.type),
            attempts=table.c.attempts + sa.bindparam("used_attempts", type_=sa.Integer()),
            claim_token=None,
            lease_until=None,
            updated_at=now,
        )
    )
    db.session.connection().execute(statement, rows)


def _release(token: str, now: datetime) -> None:
    """Give back what was claimed and not begun."""
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.claim_token == token, Delivery.status == "sending")
        .values(
            status="queued",
            attempts=Delivery.attempts - 1,
            claim_token=None,
            lease_until=None,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )


# --- replies: the same words are stored once -----------------------------------------------

_REF = re.compile(
    r"(?:queued as|queued:|id=|as id|message-?id:?|ok:?)\s*<?"
    r"(?P<ref>(?=[^\s>]*\d)[\w.\-@+/]{6,100}(?:\s(?=\S*\d)[\w.\-]{6,60})?)",
    re.IGNORECASE,
)


def split_reply(reply: str) -> tuple[str, str]:
    """A reply as (text with `{ref}` in place of the server's own id, that id)."""
    found = _REF.search(reply)
    if not found:
        return reply, ""
    start, end = found.span("ref")
    return reply[:start] + "{ref}" + reply[end:], found["ref"]


def _digest(code: int, text: str) -> str:
    return hashlib.sha256(f"{code}|{text}".encode()).hexdigest()[:32]


def _intern_replies(results: Sequence[SendResult]) -> dict[str, int]:
    """Store the distinct replies; their ids by digest."""
    texts = {}
    for result in results:
        if result.reply:
            text, _ = split_reply(result.reply)
            texts[_digest(result.code, text)] = {"code": result.code, "text": text}
    return _intern(texts)


def _intern_reply_text(text: str) -> int:
    digest = _digest(0, text)
    return _intern({digest: {"code": 0, "text": text}})[digest]


def _intern(texts: dict[str, dict[str, Any]]) -> dict[str, int]:
    if not texts:
        return {}
    # In one order everywhere: two workers that store the same replies cannot deadlock.
    rows = [{"digest": digest, **texts[digest]} for digest in sorted(texts)]
    db.session.execute(insert_ignoring(Reply), rows)
    found = db.session.execute(sa.select(Reply.digest, Reply.id).where(Reply.digest.in_(texts)))
    return dict(iter(found))
