"""Freeze the audience: one delivery row for everybody the campaign is for."""

from datetime import datetime

import sqlalchemy as sa

from campaigns.db import db, insert_ignoring
from campaigns.sending import audience_query
from campaigns.sending.campaigns import audience_arithmetic
from campaigns.sending.models import Campaign, CampaignLink, Delivery


def expand(campaign_id: int, *, links: tuple[str, ...], now: datetime) -> bool:
    """Write the delivery rows of a `preparing` campaign and let it send. One pass, set-based.

    Suppressed people become `skipped` rows with the reason; excluded and duplicate ones are
    counted on the campaign. `links` are the tracked targets of its content. False when the
    campaign was not `preparing` (any more).
    """
    campaign = db.session.get(Campaign, campaign_id, with_for_update=True)
    if campaign is None or campaign.status != "preparing":
        return False
    arithmetic = audience_arithmetic(campaign_id)
    _insert_deliveries(campaign_id, now)
    _insert_links(campaign_id, links)
    written = sa.select(sa.func.count()).where(Delivery.campaign_id == campaign_id)
    campaign.audience = db.session.scalar(written) or 0
    campaign.duplicates = arithmetic.duplicates
    campaign.excluded = arithmetic.excluded
    # Somebody may have joined or left between the count and the rows: the rows decide.
    campaign.matched = campaign.audience + campaign.duplicates + campaign.excluded
    campaign.status = "sending"
    campaign.updated_at = now
    db.session.flush()
    return True


def _insert_deliveries(campaign_id: int, now: datetime) -> None:
    person = audience_query.audience(campaign_id).subquery()
    rows = sa.select(
        sa.literal(campaign_id),
        person.c.subscriber_id,
        person.c.list_id,
        person.c.address,
        person.c.mailbox_group,
        sa.case((person.c.is_suppressed, "skipped"), else_="queued"),
        sa.case((person.c.is_suppressed, "suppressed"), else_=""),
        sa.literal(0),
        sa.literal(""),
        sa.literal(now, Delivery.updated_at.type),
    ).where(sa.true())
    columns = [
        "campaign_id", "subscriber_id", "list_id", "address", "mailbox_group", "status", "reason",
        "attempts", "reply_ref", "updated_at",
    ]  # fmt: skip
    db.session.execute(insert_ignoring(Delivery).from_select(columns, rows))


def _insert_links(campaign_id: int, links: tuple[str, ...]) -> None:
    if links:
        db.session.execute(
            insert_ignoring(CampaignLink),
            [
                {"campaign_id": campaign_id, "number": number, "target": target}
                for number, target in enumerate(links, start=1)
            ],
        )
