"""Where `campaigns intake` listens for mail servers, as the process itself records.

The setting alone does not say that the process runs, or that its port was free.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db, upsert
from campaigns.events.models import IntakeListener
from campaigns.providers import return_domains

NOTE_SECONDS = 60.0
"""Interval at which the intake records that it listens, in seconds."""
GONE_AFTER = timedelta(minutes=5)


def note(source: str, address: str, *, now: datetime) -> None:
    """Note that the intake listens at this address."""
    values = {"address": address, "seen_at": now}
    insert = upsert(IntakeListener).values(source=source, **values)
    db.session.execute(insert.on_conflict_do_update(index_elements=["source"], set_=values))
    return_domains.note_alive(sources=[source], now=now)


def is_any(*, now: datetime) -> bool:
    """Return whether the intake listens."""
    running = sa.select(IntakeListener.source).where(IntakeListener.seen_at > now - GONE_AFTER)
    return db.session.scalar(running.limit(1)) is not None
