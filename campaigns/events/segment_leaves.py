"""Rules of segments about opens, clicks and bounces."""

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from campaigns.audience.segments.leaves import register
from campaigns.campaign.models import CampaignLink, Delivery
from campaigns.delivery.segment_leaves import BehaviourLeaf, behaviour_kind, emails
from campaigns.events.models import Event
from campaigns.events.policy import BOUNCE_REASONS

MAX_URL = 2_000


class OpenedLeaf(BehaviourLeaf):
    """Opened this many emails. A click implies an open."""

    kind: Literal["opened"] = "opened"


class ClickedLeaf(BehaviourLeaf):
    """Clicked in this many emails, any link or the one with this URL."""

    kind: Literal["clicked"] = "clicked"
    link: Annotated[str, Field(min_length=1, max_length=MAX_URL)] | None = None


class BouncedLeaf(BehaviourLeaf):
    """Had this many emails bounce, when sent or afterwards."""

    kind: Literal["bounced"] = "bounced"


def _clicked(leaf: ClickedLeaf) -> sa.Select[Any]:
    if leaf.link is None:
        return emails(Delivery.first_clicked_at)
    clicks = (
        sa.select(Event.delivery_id, sa.func.max(Event.at).label("at"))
        .join(
            CampaignLink,
            sa.and_(
                CampaignLink.campaign_id == Event.campaign_id,
                CampaignLink.number == Event.link_number,
            ),
        )
        .where(Event.kind == "clicked", CampaignLink.target == leaf.link)
        .group_by(Event.delivery_id)
        .subquery("clicks")
    )
    return sa.select(Delivery.subscriber_id, Delivery.campaign_id, clicks.c.at).join(
        clicks, clicks.c.delivery_id == Delivery.id
    )


def _bounced(leaf: BouncedLeaf) -> sa.Select[Any]:
    refused = sa.and_(Delivery.status == "failed", Delivery.reason.in_(BOUNCE_REASONS))
    return emails(
        sa.func.coalesce(Delivery.bounced_at, sa.case((refused, Delivery.updated_at), else_=None))
    )


register(behaviour_kind(OpenedLeaf, lambda leaf: emails(Delivery.first_opened_at)))
register(behaviour_kind(ClickedLeaf, _clicked))
register(behaviour_kind(BouncedLeaf, _bounced))
