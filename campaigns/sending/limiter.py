"""How fast an account may send: the interface. The shared counters live in jobs.limiter."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa

from campaigns.db import db
from campaigns.sending.models import Campaign, Delivery


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may go now, and when to ask again if there were fewer than wanted."""

    count: int
    wait_seconds: float = 0.0
    is_day_limit: bool = False


class Limiter(Protocol):
    """Counts what all workers together send through an account."""

    def acquire(self, provider_id: int, want: int, per_second: int, per_day: int) -> Grant:
        """Take up to `want` tokens. A limit of 0 is none."""
        ...

    def give_back(self, provider_id: int, count: int) -> None:
        """Return tokens that were not used."""
        ...


def sent_in_last_day(provider_id: int, *, now: datetime) -> list[tuple[datetime, int]]:
    """What the ledger says went out by this account in the last 24 hours, by hour of UTC.

    From this the day's counter is rebuilt when Redis was lost. Only campaigns that were under
    way in that time are read: the ledger of all others may hold many millions of rows.
    """
    since = now - timedelta(hours=24)
    rows = db.session.execute(
        sa.select(Delivery.sent_at)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(
            Campaign.provider_id == provider_id,
            Campaign.started_at.is_not(None),
            # What was on the wire when a campaign was cancelled is sent a little later.
            sa.or_(
                Campaign.status.not_in(("sent", "cancelled")),
                Campaign.finished_at > since - timedelta(hours=1),
            ),
            Delivery.sent_at > since,
        )
        .execution_options(yield_per=5000)
    )
    hours = Counter(
        sent_at.replace(minute=0, second=0, microsecond=0) for (sent_at,) in rows if sent_at
    )
    return sorted(hours.items())
