"""Facts about a campaign beside its figures: lists, sender and account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.addresses import shown_sender
from campaigns.audience.models import AudienceList
from campaigns.campaign.models import Campaign, CampaignList
from campaigns.db import db
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.throttling.loading import next_tries


@dataclass(frozen=True, slots=True)
class ListName:
    """A list's name, with the id for its link."""

    public_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of a campaign. `trouble`: the reason if its account does not work, else empty."""

    lists: list[ListName]
    excluded_lists: list[ListName]
    sender: str
    provider: str
    trouble: str
    retry_at: datetime | None


def campaign_facts(campaign_id: int) -> Facts:
    """Return the facts of one campaign."""
    lists: dict[bool, list[ListName]] = {False: [], True: []}
    named = db.session.execute(
        sa.select(CampaignList.is_excluded, AudienceList.public_id, AudienceList.name)
        .join(AudienceList, AudienceList.id == CampaignList.list_id)
        .where(CampaignList.campaign_id == campaign_id)
        .order_by(AudienceList.name)
    )
    for is_excluded, public_id, name in named:
        lists[is_excluded].append(ListName(public_id, name))
    # The provider is frozen at launch; before that it is the one of the sender address.
    provider = sa.func.coalesce(Campaign.provider_id, SenderAddress.provider_id)
    way: Any = db.session.execute(
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
    name, address, account, trouble, account_id = way or ("", "", "", "", None)
    return Facts(
        lists=lists[False],
        excluded_lists=lists[True],
        sender=shown_sender(name, address) if address else "",
        provider=account or "",
        trouble=trouble or "",
        retry_at=next_tries([account_id]).get(account_id) if account_id and trouble else None,
    )
