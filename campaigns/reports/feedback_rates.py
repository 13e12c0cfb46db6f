"""Bounces and complaints about emails sent through an account, by mailbox provider and by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.db import db
from campaigns.events.models import FeedbackCount

DAYS = 30


@dataclass(frozen=True, slots=True)
class FeedbackLine:
    """Emails of one mailbox provider or one day, by the day they were sent (UTC)."""

    key: str | date
    sent: int
    hard: int
    soft: int
    complaints: int


def by_mailbox_provider(account_id: int, *, now: datetime) -> Sequence[FeedbackLine]:
    """Return the last 30 days by mailbox provider, the largest first."""
    found = _lines(account_id, FeedbackCount.mailbox_group, now)
    return sorted(found, key=lambda one: (-one.sent, one.key))


def by_day(account_id: int, *, now: datetime) -> Sequence[FeedbackLine]:
    """Return the days of the last 30 on which anything was sent, the latest first."""
    return sorted(_lines(account_id, FeedbackCount.day, now), key=lambda one: one.key, reverse=True)


def _lines(account_id: int, key: Any, now: datetime) -> list[FeedbackLine]:
    names = ("sent", "hard", "soft", "complaints")
    rows = db.session.execute(
        sa.select(key, *(sa.func.sum(getattr(FeedbackCount, name)) for name in names))
        .where(
            FeedbackCount.account_id == account_id,
            FeedbackCount.day > (now - timedelta(days=DAYS)).date(),
        )
        .group_by(key)
        .having(sa.func.sum(FeedbackCount.sent) > 0)
    )
    return [FeedbackLine(found, *map(int, counts)) for found, *counts in rows]
