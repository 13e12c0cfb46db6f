"""Domains in the group "other" that asked for less mail: each waits alone.

That group holds every small domain, so what one of them says must not slow the rest. A domain
waits a minute after its first complaint and twice as long after each further one. Its mail is
put off when it comes up at the claim, at the cost of one small query while nothing is slowed.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from campaigns.audience.mailbox_groups import OTHER
from campaigns.db import db, insert_ignoring
from campaigns.messages import Recipient
from campaigns.sending.limits.models import SlowedDomain
from campaigns.sending.models import UNDER_WAY, Campaign, Delivery

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(hours=1)
"""Time without a complaint after which a domain begins at the first wait again."""
SPREAD = timedelta(minutes=1)
"""The mail of a domain comes back over this time, not all at once."""
FORGOTTEN_AT_ONCE = 100
"""Domains in one statement: SQLite refuses a condition of more than 1,000 parts."""
MOST_DOMAINS = 1000
"""Slowed domains kept for one account."""


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def slow(
    provider_id: int,
    complaints: Mapping[str, str],
    *,
    now: datetime,
    at_least: timedelta = timedelta(0),
) -> None:
    """Let these domains wait. `complaints`: domain -> what its server said, for people."""
    if not complaints:
        return
    db.session.execute(
        sa.delete(SlowedDomain).where(
            SlowedDomain.provider_id == provider_id, SlowedDomain.until < now - FORGOTTEN_AFTER
        )
    )
    room = MOST_DOMAINS - len(slowed(provider_id))
    for domain in sorted(complaints)[: max(0, room)]:
        empty = {"until": now, "complaints": 0, "why": ""}
        db.session.execute(
            insert_ignoring(SlowedDomain).values(provider_id=provider_id, domain=domain, **empty)
        )
        row = db.session.get_one(
            SlowedDomain, (provider_id, domain), with_for_update=True, populate_existing=True
        )
        row.why = complaints[domain]
        # What was on its way at the first complaint complains as well: that is one.
        if row.until <= now:
            row.until = now + min(FIRST_WAIT * 2 ** min(row.complaints, 10), LONGEST_WAIT)
            row.complaints += 1
        row.until = max(row.until, now + at_least)
    db.session.flush()


def slowed(provider_id: int, *, now: datetime | None = None) -> Sequence[SlowedDomain]:
    """The domains that an account knows as slowed; with `now`, those that wait at that time."""
    rows = sa.select(SlowedDomain).where(SlowedDomain.provider_id == provider_id)
    if now is not None:
        rows = rows.where(SlowedDomain.until > now)
    return db.session.scalars(rows.order_by(SlowedDomain.until.desc(), SlowedDomain.domain)).all()


def put_off(
    provider_id: int, token: str, recipients: Sequence[Recipient], *, now: datetime
) -> set[int]:
    """Put off those of a claim whose domain waits; their delivery ids."""
    if not any(recipient.mailbox_group == OTHER for recipient in recipients):
        return set()
    until = {row.domain: row.until for row in slowed(provider_id, now=now)}
    if not until:
        return set()
    waiting: dict[str, list[int]] = {}
    for recipient in recipients:
        domain = domain_of(recipient.address)
        if recipient.mailbox_group == OTHER and domain in until:
            waiting.setdefault(domain, []).append(recipient.delivery_id)
    rows = [
        {"row_id": number, "due": until[domain] + SPREAD * (place / len(numbers))}
        for domain, numbers in waiting.items()
        for place, number in enumerate(numbers)
    ]
    if rows:
        table = cast("sa.Table", Delivery.__table__)
        db.session.connection().execute(
            sa.update(table)
            .where(
                table.c.id == sa.bindparam("row_id"),
                table.c.claim_token == token,
                table.c.status == "sending",
            )
            .values(
                status="queued",
                reason="throttled",
                claim_token=None,
                not_before=sa.bindparam("due", type_=table.c.not_before.type),
                updated_at=now,
            ),
            rows,
        )
    return {number for numbers in waiting.values() for number in numbers}


def forget(provider_id: int, domains: Collection[str], *, now: datetime) -> None:
    """People know better: mail to these domains goes on now."""
    ordered = sorted(domains)
    for start in range(0, len(ordered), FORGOTTEN_AT_ONCE):
        _forget(provider_id, ordered[start : start + FORGOTTEN_AT_ONCE], now)


def _forget(provider_id: int, domains: Sequence[str], now: datetime) -> None:
    db.session.execute(
        sa.delete(SlowedDomain).where(
            SlowedDomain.provider_id == provider_id, SlowedDomain.domain.in_(domains)
        )
    )
    under_way = sa.select(Campaign.id).where(
        Campaign.provider_id == provider_id, Campaign.status.in_(UNDER_WAY)
    )
    at_domain = sa.or_(
        *(sa.func.lower(Delivery.address).endswith(f"@{name}", autoescape=True) for name in domains)
    )
    db.session.execute(
        sa.update(Delivery)
        .where(
            Delivery.campaign_id.in_(under_way),
            Delivery.reason == "throttled",
            Delivery.status == "queued",
            Delivery.mailbox_group == OTHER,
            Delivery.not_before > now,
            at_domain,
        )
        .values(not_before=now)
        .execution_options(synchronize_session=False)
    )
