"""Facts about a campaign besides its figures: audience, sender and account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.addresses import shown_sender
from campaigns.audience.models import AudienceList
from campaigns.audience.segments.models import Segment
from campaigns.campaign.models import Campaign, CampaignList, CampaignSegment
from campaigns.db import db
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.throttling.loading import next_tries


@dataclass(frozen=True, slots=True)
class AudiencePart:
    """The name of a list or segment, with the id for its link; both are empty if it was deleted."""

    public_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of a campaign. `trouble`: the reason if its account does not work, else empty."""

    lists: list[AudiencePart]
    excluded_lists: list[AudiencePart]
    segments: list[AudiencePart]
    excluded_segments: list[AudiencePart]
    sender: str
    provider: str
    trouble: str
    retry_at: datetime | None


def audience_parts(campaign_id: int) -> dict[tuple[str, bool], list[AudiencePart]]:
    """Return the lists and segments of a campaign by ("list" or "segment", is_excluded)."""
    parts: dict[tuple[str, bool], list[AudiencePart]] = {
        (kind, is_excluded): [] for kind in ("list", "segment") for is_excluded in (False, True)
    }
    lists = (
        sa.select(CampaignList.is_excluded, AudienceList.public_id, AudienceList.name)
        .join(AudienceList, AudienceList.id == CampaignList.list_id)
        .where(CampaignList.campaign_id == campaign_id)
        .order_by(AudienceList.name)
    )
    segments = (
        sa.select(CampaignSegment.is_excluded, Segment.public_id, Segment.name)
        .outerjoin(Segment, Segment.id == CampaignSegment.segment_id)
        .where(CampaignSegment.campaign_id == campaign_id)
        .order_by(sa.func.coalesce(Segment.name, ""))
    )
    for kind, named in (("list", lists), ("segment", segments)):
        for is_excluded, public_id, name in db.session.execute(named):
            parts[kind, is_excluded].append(AudiencePart(public_id or "", name or ""))
    return parts


def campaign_facts(campaign_id: int) -> Facts:
    """Return the facts of one campaign."""
    parts = audience_parts(campaign_id)
    # The account is frozen at the start; before that it is the one of the sender address.
    provider = sa.func.coalesce(Campaign.provider_id, SenderAddress.provider_id)
    route: Any = db.session.execute(
        sa.select(
            SenderAddress.name,
            SenderAddress.address,
            ProviderAccount.name,
            ProviderAccount.trouble,
            ProviderAccount.id,
        )
        .select_from(Campaign)
        .outerjoin(SenderAddress, SenderAddress.id == Campaign.sender_id)
        .outerjoin(ProviderAccount, ProviderAccount.id == provider)
        .where(Campaign.id == campaign_id)
    ).one_or_none()
    name, address, account, trouble, account_id = route or ("", "", "", "", None)
    return Facts(
        lists=parts["list", False],
        excluded_lists=parts["list", True],
        segments=parts["segment", False],
        excluded_segments=parts["segment", True],
        sender=shown_sender(name, address) if address else "",
        provider=account or "",
        trouble=trouble or "",
        retry_at=next_tries([account_id]).get(account_id) if account_id and trouble else None,
    )
