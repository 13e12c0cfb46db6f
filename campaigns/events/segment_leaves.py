"""Rules of segments about opens, clicks and bounces."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from campaigns.audience.segments.leaves import Condition, register
from campaigns.campaign.models import CampaignLink, Delivery
from campaigns.delivery.segment_leaves import BehaviourLeaf, behaviour_kind, since
from campaigns.events.models import Event
from campaigns.events.refusals import BOUNCE_REASONS

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


def _clicked(leaf: ClickedLeaf, start: datetime | None) -> Sequence[Condition]:
    if leaf.link is None:
        return since(Delivery.first_clicked_at, start)
    click = (
        sa.exists()
        .where(
            Event.delivery_id == Delivery.id,
            Event.kind == "clicked",
            CampaignLink.campaign_id == Event.campaign_id,
            CampaignLink.number == Event.link_number,
            CampaignLink.target == leaf.link,
            *since(Event.at, start),
        )
        .correlate(Delivery)
    )
    return (*since(Delivery.first_clicked_at, None), click)


def _bounced(leaf: BouncedLeaf, start: datetime | None) -> Sequence[Condition]:
    refused = sa.and_(Delivery.status == "failed", Delivery.reason.in_(BOUNCE_REASONS))
    when_refused = sa.case((refused, Delivery.updated_at), else_=None)
    return since(sa.func.coalesce(Delivery.bounced_at, when_refused), start)


register(behaviour_kind(OpenedLeaf, lambda leaf, start: since(Delivery.first_opened_at, start)))
register(behaviour_kind(ClickedLeaf, _clicked))
register(behaviour_kind(BouncedLeaf, _bounced))
