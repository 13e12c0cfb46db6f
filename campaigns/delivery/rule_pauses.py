"""Pause campaigns by reply rules."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign
from campaigns.db import db
from campaigns.reason import Reason
from campaigns.throttling.rules import Action


def pause(actions: Iterable[Action], provider_id: int, campaign_id: int, *, now: datetime) -> None:
    """Pause this campaign, or all of the account, according to these reply rule actions."""
    for action in actions:
        if action.rule.act == "pause_campaign":
            lifecycle.pause(campaign_id, now=now, reason=action.why, through=provider_id)
        elif action.rule.act == "pause_provider":
            _pause_all(provider_id, action.why, now)


def _pause_all(provider_id: int, reason: Reason, now: datetime) -> None:
    under_way = db.session.scalars(
        sa.select(Campaign.id).where(
            Campaign.provider_id == provider_id, Campaign.status == "sending"
        )
    ).all()
    for campaign_id in under_way:
        lifecycle.pause(campaign_id, now=now, reason=reason)
