"""Reasons and server replies of undelivered and deferred email, with counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.campaign.models import Delivery, Reply
from campaigns.db import db


@dataclass(frozen=True, slots=True)
class ReasonFigures:
    """Deliveries that share a status, a reason (code) and a server's reply.

    `reply_id` is None and `reply` empty if no server was involved. `{ref}` in the reply replaces
    the server's id of each message.
    """

    status: str
    reason: str
    reply_id: int | None
    reply_code: int
    reply: str
    count: int


def campaign_reasons(campaign_id: int, *, limit: int = 20) -> list[ReasonFigures]:
    """Return the most frequent reasons of a campaign, by one grouped query on their index."""
    count = sa.func.count().label("count")
    grouped = (
        sa.select(Delivery.status, Delivery.reason, Delivery.reply_id, count)
        .where(
            Delivery.campaign_id == campaign_id,
            Delivery.reason != sa.literal_column("''"),
            Delivery.status != "sent",
        )
        .group_by(Delivery.status, Delivery.reason, Delivery.reply_id)
        .order_by(sa.desc("count"), Delivery.status, Delivery.reason)
        .limit(limit)
        .subquery()
    )
    rows = db.session.execute(
        sa.select(
            grouped.c.status,
            grouped.c.reason,
            grouped.c.reply_id,
            sa.func.coalesce(Reply.code, 0),
            sa.func.coalesce(Reply.text, ""),
            grouped.c.count,
        )
        .outerjoin(Reply, Reply.id == grouped.c.reply_id)
        .order_by(grouped.c.count.desc(), grouped.c.status, grouped.c.reason)
    )
    return [ReasonFigures(*row) for row in rows]


def main_reason(reasons: Sequence[ReasonFigures]) -> ReasonFigures | None:
    """Return the most frequent of `campaign_reasons` that nobody intended."""
    return next((found for found in reasons if not _is_intended(found)), None)


def _is_intended(found: ReasonFigures) -> bool:
    """Return whether it was intended: skipped, or cancelled before any deferral."""
    return found.status == "skipped" or (found.status == "cancelled" and not found.reply)


def reply_text(reply_id: int) -> str:
    """Return a server's reply, with `{ref}`; empty if there is none with this id."""
    return db.session.scalar(sa.select(Reply.text).where(Reply.id == reply_id)) or ""
