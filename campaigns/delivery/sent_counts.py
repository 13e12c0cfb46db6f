"""Count the deliveries of the last 24 hours, to rebuild lost counters."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db

SLOT_SECONDS = 60


def sent_in_last_day(provider_id: int, *, now: datetime) -> list[tuple[datetime, str, int]]:
    """Return (minute, mailbox group, count) of an account's messages of the last 24 hours.

    A minute is named by its end, so that nothing expires too early. Reads only campaigns that were
    sending in that time: all others may have many millions of rows.
    """
    since = now - timedelta(hours=24)
    whole, parts = _campaigns(provider_id, since)
    found: Counter[tuple[int, str]] = Counter()
    if whole:
        found += _sent(since, Delivery.campaign_id.in_(whole))
    for campaign_id, begin, end in parts:
        found += _sent(
            since,
            Delivery.campaign_id == campaign_id,
            *([Delivery.sent_at > begin] if begin else []),
            *([Delivery.sent_at <= end] if end else []),
        )
    return [
        (datetime.fromtimestamp((number + 1) * SLOT_SECONDS, UTC), group, count)
        for (number, group), count in sorted(found.items())
    ]


_Part = tuple[int, datetime | None, datetime | None]


def _campaigns(provider_id: int, since: datetime) -> tuple[list[int], list[_Part]]:
    """Return campaigns that used this account only, and the periods of those that used several."""
    rows = db.session.execute(
        sa.select(Campaign.id, Campaign.provider_id, Campaign.earlier_senders).where(
            Campaign.started_at.is_not(None),
            # Messages on the wire when a campaign is cancelled are sent a little later.
            sa.or_(
                Campaign.status.not_in(("sent", "cancelled")),
                Campaign.finished_at > since - timedelta(hours=1),
            ),
        )
    )
    whole: list[int] = []
    parts: list[_Part] = []
    for campaign_id, current, earlier in rows:
        if not earlier:
            whole += [campaign_id] if current == provider_id else []
            continue
        begin: datetime | None = None
        for one in earlier:
            end = datetime.fromisoformat(one["until"])
            if one["provider_id"] == provider_id:
                parts.append((campaign_id, begin, end))
            begin = end
        if current == provider_id:
            parts.append((campaign_id, begin, None))
    return whole, parts


def _sent(since: datetime, *which: sa.ColumnElement[bool]) -> Counter[tuple[int, str]]:
    epoch = sa.cast(sa.extract("epoch", Delivery.sent_at), sa.BigInteger)
    minute = (epoch // sa.literal_column(str(SLOT_SECONDS), sa.Integer())).label("minute")
    rows = db.session.execute(
        sa.select(minute, Delivery.mailbox_group, sa.func.count())
        .where(*which, Delivery.sent_at > since)
        .group_by(minute, Delivery.mailbox_group)
    )
    return Counter({(number, group): count for number, group, count in rows})
