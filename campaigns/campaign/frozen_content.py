"""What a launched campaign's content is compiled with: its brand, snippets, saved blocks and media.

It is copied at the launch. Batches are sent minutes or days apart, and everyone gets the same
email, whatever is edited in between; so do later resends, and the page in the browser. A campaign
that is a draft again uses the library as it is then.
"""

import hashlib
import json
from datetime import datetime

import sqlalchemy as sa

from campaigns import formatting
from campaigns.audience.models import AudienceList
from campaigns.campaign import language_variants
from campaigns.campaign.models import Campaign, CampaignList, FrozenContent
from campaigns.content.library import stored_context
from campaigns.content.library.context import context_of
from campaigns.content.sources.source import SourceContext
from campaigns.db import db, upsert


def freeze(campaign_id: int, *, now: datetime) -> None:
    """Copy everything that the campaign's content refers to."""
    campaign = db.session.get_one(Campaign, campaign_id)
    context = _from_library(campaign, base_url="")
    values = {"context": stored_context.to_json(context), "frozen_at": now}
    written = upsert(FrozenContent).values(campaign_id=campaign_id, **values)
    db.session.execute(written.on_conflict_do_update(index_elements=["campaign_id"], set_=values))


def digest_of(campaign: Campaign) -> str:
    """Return a digest of everything that a launch would copy now."""
    copied = stored_context.to_json(_from_library(campaign, base_url=""))
    return hashlib.sha256(json.dumps(copied, sort_keys=True).encode()).hexdigest()


def context_for(campaign: Campaign, *, base_url: str, media_url: str = "") -> SourceContext:
    """Return what the campaign's content is compiled with; see `context_of`.

    Campaigns that were launched by a version without copies use the library.
    """
    stored = None
    if campaign.status != "draft":
        stored = db.session.scalar(
            sa.select(FrozenContent.context).where(FrozenContent.campaign_id == campaign.id)
        )
    if stored is None:
        return _from_library(campaign, base_url=base_url, media_url=media_url)
    return stored_context.from_json(stored, base_url=base_url, media_url=media_url)


def _from_library(campaign: Campaign, *, base_url: str, media_url: str = "") -> SourceContext:
    variants = language_variants.of_campaign(campaign.id)
    return context_of(
        # Only what these sources name is read.
        "\n".join([campaign.source, *(variant.source for variant in variants)]),
        campaign.brand_id,
        base_url=base_url,
        media_url=media_url,
        language=_language(campaign.id),
    )


def _language(campaign_id: int) -> str:
    """Return the language of the campaign's lists, or English if they differ."""
    languages = db.session.scalars(
        sa.select(AudienceList.language)
        .join(CampaignList, CampaignList.list_id == AudienceList.id)
        .where(CampaignList.campaign_id == campaign_id, ~CampaignList.is_excluded)
        .distinct()
        .limit(2)
    ).all()
    return languages[0] if len(languages) == 1 else formatting.DEFAULT_LOCALE
