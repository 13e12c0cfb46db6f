"""Domains in the mailbox group "other" that throttle: each waits separately.

That group contains every small domain, so the reply of one must not slow the others. A domain waits
a minute after the first reply that throttles, and twice as long after each further one. Its
deliveries are postponed at the claim, which costs one small query while nothing is slowed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db, insert_ignoring
from campaigns.throttling.models import SlowedDomain

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(hours=1)
"""Time without throttling after which a domain starts over with the first wait."""
MAX_DOMAINS = 1000
"""Largest number of slowed domains kept per account."""


def domain_of(address: str) -> str:
    """Return the domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def slow(
    provider_id: int,
    reasons: Mapping[str, str],
    *,
    now: datetime,
    at_least: timedelta = timedelta(0),
) -> None:
    """Let these domains wait. `reasons`: a packed Reason of each domain, to show to users."""
    if not reasons:
        return
    db.session.execute(
        sa.delete(SlowedDomain).where(
            SlowedDomain.provider_id == provider_id, SlowedDomain.until < now - FORGOTTEN_AFTER
        )
    )
    known = {row.domain for row in slowed(provider_id)}
    new = sorted(reasons.keys() - known)[: max(0, MAX_DOMAINS - len(known))]
    for domain in sorted([*(reasons.keys() & known), *new]):
        empty = {"until": now, "complaints": 0, "why": ""}
        db.session.execute(
            insert_ignoring(SlowedDomain).values(provider_id=provider_id, domain=domain, **empty)
        )
        row = db.session.get_one(
            SlowedDomain, (provider_id, domain), with_for_update=True, populate_existing=True
        )
        row.why = reasons[domain]
        # Messages on the wire at the first such reply get the same one: count it once.
        if row.until <= now:
            row.until = now + min(FIRST_WAIT * 2 ** min(row.complaints, 10), LONGEST_WAIT)
            row.complaints += 1
        row.until = max(row.until, now + at_least)
    db.session.flush()


def slowed(provider_id: int, *, now: datetime | None = None) -> Sequence[SlowedDomain]:
    """Return the slowed domains of an account; with `now`, those waiting at that time."""
    rows = sa.select(SlowedDomain).where(SlowedDomain.provider_id == provider_id)
    if now is not None:
        rows = rows.where(SlowedDomain.until > now)
    return db.session.scalars(rows.order_by(SlowedDomain.until.desc(), SlowedDomain.domain)).all()
