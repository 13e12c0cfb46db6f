"""What a launched campaign's content is compiled with: its brand, snippets, saved blocks and media.

It is copied at the launch, with what the email says about its sender and its lists. Batches are
sent minutes or days apart, and everyone gets the same email, whatever is edited in between; so do
later resends, and the page in the browser. A campaign that is a draft again uses the current
library.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns import formatting
from campaigns.accounts.workspace import load_workspace
from campaigns.audience.models import AudienceList
from campaigns.campaign import language_variants
from campaigns.campaign.models import Campaign, CampaignList, FrozenContent
from campaigns.content.library import stored_context
from campaigns.content.library.context import context_of
from campaigns.content.sources.source import SourceContext
from campaigns.db import db, upsert
from campaigns.providers import return_domains
from campaigns.providers.models import SenderAddress


@dataclass(frozen=True, slots=True)
class Imprint:
    """What an email says about who sends it and why. `sender_id`: whose name and reply address."""

    sender_id: int | None
    sender_name: str
    reply_to: str
    identity: str
    postal_address: str
    list_names: Mapping[int, str]
    unsubscribe_domain: str = ""
    """Domain whose return addresses were proven to reach us at the launch; empty for drafts."""


def freeze(campaign_id: int, *, now: datetime) -> None:
    """Copy everything that the campaign's content refers to."""
    campaign = db.session.get_one(Campaign, campaign_id)
    context = _copied(campaign)
    # Not part of the digest: a review must not become invalid because a bounce test has passed.
    context["imprint"]["unsubscribe_domain"] = return_domains.proven_for(
        campaign.sender_id, now=now
    )
    values = {"context": context, "frozen_at": now}
    written = upsert(FrozenContent).values(campaign_id=campaign_id, **values)
    db.session.execute(written.on_conflict_do_update(index_elements=["campaign_id"], set_=values))


def digest_of(campaign: Campaign) -> str:
    """Return a digest of everything that a launch would copy now."""
    return hashlib.sha256(json.dumps(_copied(campaign), sort_keys=True).encode()).hexdigest()


def _copied(campaign: Campaign) -> dict[str, Any]:
    context = _from_library(campaign, base_url="")
    names = _current_imprint(campaign, context)
    return {**stored_context.to_json(context), "imprint": asdict(names)}


def parts_of(
    campaign: Campaign, *, base_url: str, media_url: str = ""
) -> tuple[SourceContext, Imprint]:
    """Return what the campaign's content is compiled with (see `context_of`), and its imprint.

    Campaigns launched by an old version, which made no copies, use the current library.
    """
    stored = None
    if campaign.status != "draft":
        stored = db.session.scalar(
            sa.select(FrozenContent.context).where(FrozenContent.campaign_id == campaign.id)
        )
    if stored is None:
        context = _from_library(campaign, base_url=base_url, media_url=media_url)
        return context, _current_imprint(campaign, context)
    context = stored_context.from_json(stored, base_url=base_url, media_url=media_url)
    current = _current_imprint(campaign, context)
    return context, _as_launched(stored.get("imprint", {}), current)


def _current_imprint(campaign: Campaign, context: SourceContext) -> Imprint:
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    workspace = load_workspace()
    lists = db.session.execute(
        sa.select(AudienceList.id, AudienceList.name)
        .join(CampaignList, CampaignList.list_id == AudienceList.id)
        .where(CampaignList.campaign_id == campaign.id, ~CampaignList.is_excluded)
        .order_by(AudienceList.id)
    )
    return Imprint(
        sender_id=campaign.sender_id,
        sender_name=sender.name if sender else "",
        reply_to=sender.reply_to if sender else "",
        identity=workspace.name or (sender.name if sender else ""),
        postal_address=context.brand.postal_address or workspace.postal_address,
        list_names={row.id: row.name for row in lists},
    )


def _as_launched(stored: Mapping[str, Any], current: Imprint) -> Imprint:
    """Return the imprint of the launch. A sender that was switched to since has its own name."""
    own = {name: value for name, value in stored.items() if name in asdict(current)}
    if "list_names" in own:
        own["list_names"] = {int(list_id): name for list_id, name in own["list_names"].items()}
    if own.get("sender_id") != current.sender_id:
        for name in ("sender_id", "sender_name", "reply_to"):
            own.pop(name, None)
    return replace(current, **own)


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
