"""Which campaigns need a list: asked before it is deleted."""

import sqlalchemy as sa

from campaigns.campaign import series
from campaigns.campaign.models import UNDER_WAY, Campaign, CampaignList
from campaigns.db import db


def campaigns_needing(list_id: int) -> list[str]:
    """Names of the campaigns under way, or that repeat, that go to this list or leave it out."""
    rows = db.session.execute(
        sa.select(Campaign.name, Campaign.subject)
        .join(CampaignList, CampaignList.campaign_id == Campaign.id)
        .where(
            CampaignList.list_id == list_id,
            sa.or_(Campaign.status.in_(UNDER_WAY), Campaign.id.in_(series.templates())),
        )
        .order_by(Campaign.id)
    )
    return [name or subject or "Untitled" for name, subject in rows]
