"""Write the outcomes of a claim's deliveries.

Only rows with the claim's token are changed: a worker that was suspended for an hour cannot
overwrite later decisions.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from campaigns.audience.mailbox_providers import OTHER
from campaigns.campaign.models import Delivery, Reply
from campaigns.db import db, insert_ignoring, lock_in_order, rows_given
from campaigns.delivery.retry import Limits, decide, not_before
from campaigns.messages import SendResult
from campaigns.providers.classify import ReplyClass, classify
from campaigns.providers.retry_after import requested_wait
from campaigns.providers.session_limits import is_about_session
from campaigns.throttling.slowed_domains import domain_of

_delivery = cast("sa.Table", Delivery.__table__)
# A row marked unknown keeps its token: its worker may still get the reply.
_is_undecided = sa.or_(_delivery.c.status == "sending", _delivery.c.status == "unknown")


@dataclass(slots=True)
class Recorded:
    """What was written, as input for judging the campaign and its account.

    Counts by mailbox group: sent, and refused or deferred by class and by (code, words). `words`
    has one reply per class. `bounced` are deliveries whose address may be bad.
    """

    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, ReplyClass]] = field(default_factory=Counter)
    replies: dict[str, Counter[tuple[int, str]]] = field(default_factory=dict)
    words: dict[ReplyClass, str] = field(default_factory=dict)
    bounced: list[int] = field(default_factory=list)
    domains: dict[tuple[int, str], set[str]] = field(default_factory=dict)
    """For the group "other": the recipients' domains that gave each (code, words)."""
    throttled: dict[str, str] = field(default_factory=dict)
    """For the group "other": the domains that throttle, with their words."""
    throttled_account: int = 0
    """For the group "other": number of throttling replies at MAIL, or about the sender."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Parsed replies, prepared before the transaction that records them.

    `words`: each reply as split by `split_reply`. `classes`: by delivery, for all not sent.
    """

    words: Mapping[str, tuple[str, str]]
    classes: Mapping[int, ReplyClass]


def read(results: Sequence[SendResult]) -> Reading:
    """Parse the replies of these results. Needs no database."""
    return Reading(
        {result.reply: split_reply(result.reply) for result in results},
        {
            result.delivery_id: _class_of(result)
            for result in results
            if result.outcome not in {"sent", "unknown"}
        },
    )


def _class_of(result: SendResult) -> ReplyClass:
    if result.outcome == "unsent":
        return "transient"
    return classify(result.code, result.reply, scope=result.scope, step=result.step)


def lock(delivery_ids: Collection[int]) -> None:
    """Lock these deliveries in the order of ids, before outcomes of several are written.

    What comes back early, before its email has an outcome, locks them in this order too.
    """
    if len(delivery_ids) > 1:
        given = rows_given([{"id": number} for number in delivery_ids], {"id": sa.BigInteger()})
        lock_in_order(sa.select(Delivery.id).where(Delivery.id.in_(sa.select(given.c.id))))


def record(
    token: str,
    results: Sequence[SendResult],
    *,
    now: datetime,
    groups: Mapping[int, str] | None = None,
    unrenderable: Iterable[tuple[int, str]] = (),
    unknown_reason: str = "no_answer",
    limits: Limits | None = None,
    reading: Reading | None = None,
) -> Recorded:
    """Write these outcomes of a claim, whose deliveries are locked (`lock`).

    `groups`: the mailbox group of each delivery. `reading`: the result of `read`.
    """
    reading = reading or read(results)
    words = reading.words
    problems = list(unrenderable)
    replies = _intern(
        {
            *((result.code, words[result.reply][0]) for result in results if result.reply),
            *((0, text) for _, text in problems),
        }
    )
    recorded = Recorded()
    sent, others = [], []
    groups = groups or {}
    past = _histories(token, [result for result in results if result.outcome != "sent"])
    for result in results:
        text, ref = words[result.reply]
        reply = replies.get((result.code, text))
        if result.outcome == "sent":
            sent.append({"id": result.delivery_id, "reply": reply, "ref": ref})
            recorded.sent[groups.get(result.delivery_id, "")] += 1
        elif result.outcome == "unknown":
            others.append(_row(result.delivery_id, "unknown", unknown_reason, reply=reply, ref=ref))
        elif result.delivery_id in past:
            history, reply_class = past[result.delivery_id], reading.classes[result.delivery_id]
            values = _new_values(result, reply_class, history, recorded, now, limits or Limits())
            others.append({**values, "new_reply": reply, "new_ref": ref})
    others += [_row(number, "failed", "unrenderable", reply=replies[0, text])
               for number, text in problems]  # fmt: skip
    _write_sent(token, sent, now)
    _write_others(token, others, now)
    return recorded


def release(token: str, delivery_ids: Collection[int], *, now: datetime) -> None:
    """Return deliveries that were claimed and never begun to the queue, unchanged."""
    if delivery_ids:
        db.session.execute(
            sa.update(Delivery)
            .where(
                Delivery.id.in_(sorted(delivery_ids)),
                Delivery.claim_token == token,
                Delivery.status == "sending",
            )
            .values(status="queued", claim_token=None, updated_at=now)
            .execution_options(synchronize_session=False)
        )


def _write_sent(token: str, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Mark deliveries as sent, the outcome of nearly all, in one statement."""
    if not rows:
        return
    given = rows_given(rows, {"id": sa.BigInteger(), "reply": sa.BigInteger(), "ref": sa.Text()})
    db.session.connection().execute(
        sa.update(_delivery)
        .where(
            _delivery.c.id == given.c.id,
            _delivery.c.claim_token == token,
            _is_undecided,
        )
        .values(
            status="sent",
            reason="",
            reply_id=given.c.reply,
            reply_ref=given.c.ref,
            sent_at=now,
            attempts=_delivery.c.attempts + 1,
            claim_token=None,
            updated_at=now,
        )
    )


@dataclass(frozen=True, slots=True)
class _History:
    """The history of a delivery, which together with the reply decides its outcome."""

    attempts: int
    deferred_since: datetime | None
    mailbox_group: str
    address: str


def _histories(token: str, results: Sequence[SendResult]) -> dict[int, _History]:
    if not results:
        return {}
    rows = db.session.execute(
        sa.select(
            Delivery.id,
            Delivery.attempts,
            Delivery.deferred_since,
            Delivery.mailbox_group,
            Delivery.address,
        ).where(
            Delivery.id.in_([result.delivery_id for result in results]),
            Delivery.claim_token == token,
        )
    )
    return {
        row.id: _History(row.attempts, row.deferred_since, row.mailbox_group, row.address)
        for row in rows
    }


def _new_values(
    result: SendResult,
    reply_class: ReplyClass,
    history: _History,
    recorded: Recorded,
    now: datetime,
    limits: Limits,
) -> dict[str, Any]:
    """Return the new values of a delivery that was refused, deferred or never begun."""
    is_lost = result.outcome == "unsent"
    if is_lost and not result.step:  # not the recipient's fault: due at once, as if never claimed
        return _row(result.delivery_id, "queued", "", 0, deferred_since=history.deferred_since)
    is_counted = not (is_lost and is_about_session(result.reply))
    recorded.refused[history.mailbox_group, reply_class] += 1
    recorded.replies.setdefault(history.mailbox_group, Counter())[result.code, result.reply] += 1
    recorded.words[reply_class] = result.reply
    if history.mailbox_group == OTHER:
        domain = domain_of(history.address)
        recorded.domains.setdefault((result.code, result.reply), set()).add(domain)
        if reply_class == "throttle" and (result.step == "mail" or result.scope == "sender"):
            recorded.throttled_account += 1
        elif reply_class == "throttle":
            recorded.throttled[domain] = result.reply
    verdict = decide(
        reply_class,
        # A broken attempt counts too: otherwise a server that hangs up on one recipient every time
        # would keep the campaign from ending. A server that calls every session full is a problem
        # of the account, which the retry time limit ends.
        history.attempts + is_counted,
        history.deferred_since,
        now,
        limits,
        is_final=result.outcome == "failed",
        asked=requested_wait(result.reply, now),
    )
    if verdict.is_bounce:
        recorded.bounced.append(result.delivery_id)
    is_waiting = verdict.status == "queued"
    return _row(
        result.delivery_id,
        verdict.status,
        "connection" if is_lost and is_waiting else verdict.reason,
        int(verdict.counts and is_counted),
        not_before=not_before(verdict, result.delivery_id, now) if is_waiting else None,
        deferred_since=(history.deferred_since or now) if is_waiting else history.deferred_since,
    )


def _row(
    delivery_id: int,
    status: str,
    reason: str,
    tries: int = 1,
    *,
    reply: int | None = None,
    ref: str = "",
    not_before: datetime | None = None,
    deferred_since: datetime | None = None,
) -> dict[str, Any]:
    return {
        "row_id": delivery_id,
        "new_status": status,
        "new_reason": reason,
        "new_tries": tries,
        "new_reply": reply,
        "new_ref": ref,
        "new_not_before": not_before,
        "new_deferred_since": deferred_since,
    }


def _write_others(token: str, rows: list[dict[str, Any]], now: datetime) -> None:
    if not rows:
        return
    for row in rows:
        row["new_token"] = token if row["new_status"] == "unknown" else None
    moment = _delivery.c.not_before.type
    statement = (
        sa.update(_delivery)
        .where(
            _delivery.c.id == sa.bindparam("row_id"),
            _delivery.c.claim_token == token,
            _is_undecided,
        )
        .values(
            status=sa.bindparam("new_status"),
            reason=sa.bindparam("new_reason"),
            not_before=sa.bindparam("new_not_before", type_=moment),
            deferred_since=sa.bindparam("new_deferred_since", type_=moment),
            reply_id=sa.bindparam("new_reply"),
            reply_ref=sa.bindparam("new_ref"),
            attempts=_delivery.c.attempts + sa.bindparam("new_tries", type_=sa.Integer()),
            claim_token=sa.bindparam("new_token"),
            updated_at=now,
        )
    )
    db.session.connection().execute(statement, rows)


# --- replies: each distinct text is stored once--------------------------------------------

_REF = re.compile(
    r"(?:queued as|queued:|id=|as id|message-?id:?|ok:?)\s*<?"
    r"(?P<ref>(?=[^\s>]{0,100}\d)[\w.\-@+/]{6,100}(?:\s(?=\S{0,60}\d)[\w.\-]{6,60})?)",
    re.IGNORECASE,
)


def split_reply(reply: str) -> tuple[str, str]:
    """Split a reply into (text with `{ref}` in place of the server's id, that id)."""
    found = _REF.search(reply)
    if not found:
        return reply, ""
    start, end = found.span("ref")
    return reply[:start] + "{ref}" + reply[end:], found["ref"]


def _intern(replies: Collection[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Return the ids of these replies (code, text), storing new ones."""
    if not replies:
        return {}
    digests = {_digest(code, text): (code, text) for code, text in replies}
    ids = _ids_of(digests)
    # Always in the same order, so that two workers that store the same replies cannot deadlock.
    new = [{"digest": digest, "code": digests[digest][0], "text": digests[digest][1]}
           for digest in sorted(digests.keys() - ids.keys())]  # fmt: skip
    if new:
        db.session.execute(insert_ignoring(Reply), new)
        ids |= _ids_of([row["digest"] for row in new])
    return {digests[digest]: number for digest, number in ids.items()}


def _ids_of(digests: Collection[Any]) -> dict[str, int]:
    found = db.session.execute(sa.select(Reply.digest, Reply.id).where(Reply.digest.in_(digests)))
    return dict(iter(found))


def _digest(code: int, text: str) -> str:
    return hashlib.sha256(f"{code}|{text}".encode()).hexdigest()[:32]
