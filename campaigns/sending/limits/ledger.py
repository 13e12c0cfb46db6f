"""What the ledger knows of the last 24 hours: lost counters are made good from it."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db
from campaigns.sending.models import Campaign, Delivery

SLOT_SECONDS = 60


def sent_in_last_day(provider_id: int, *, now: datetime) -> list[tuple[datetime, str, int]]:
    """(minute, mailbox group, count) of what went out by this account in the last 24 hours.

    A minute is told by its end, so that nothing is forgotten too early. Only campaigns that were
    under way in that time are read: the ledger of all others may hold many millions of rows.
    """
    since = now - timedelta(hours=24)
    epoch = sa.cast(sa.extract("epoch", Delivery.sent_at), sa.BigInteger)
    minute = (epoch // sa.literal_column(str(SLOT_SECONDS), sa.Integer())).label("minute")
    rows = db.session.execute(
        sa.select(minute, Delivery.mailbox_group, sa.func.count())
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
        .group_by(minute, Delivery.mailbox_group)
        .order_by(minute)
    )
    return [
        (datetime.fromtimestamp((number + 1) * SLOT_SECONDS, UTC), group, count)
        for number, group, count in rows
    ]
