"""Postpone deliveries to slowed domains, and release them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from campaigns.audience.mailbox_providers import OTHER
from campaigns.campaign.models import UNDER_WAY, Campaign, Delivery
from campaigns.db import db, in_order
from campaigns.messages import Recipient
from campaigns.throttling.models import SlowedDomain
from campaigns.throttling.slowed_domains import domain_of, slowed

SPREAD = timedelta(minutes=1)
"""Time over which a domain's deliveries become due again, instead of all at once."""


FORGOTTEN_AT_ONCE = 100
"""Domains per statement: SQLite refuses conditions of more than 1,000 parts."""


def postpone(
    provider_id: int, token: str, recipients: Sequence[Recipient], *, now: datetime
) -> set[int]:
    """Postpone deliveries of a claim whose domain is paused; returns their ids."""
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
    """Release deliveries to these domains now, because a user decided so."""
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
    waiting = sa.select(Delivery.id).where(
        Delivery.campaign_id.in_(under_way),
        Delivery.reason == "throttled",
        Delivery.status == "queued",
        Delivery.mailbox_group == OTHER,
        Delivery.not_before > now,
        at_domain,
    )
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(waiting)))
        .values(not_before=now)
        .execution_options(synchronize_session=False)
    )
