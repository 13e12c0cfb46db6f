"""Templates from campaigns, and campaigns from templates. Both are copies."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.campaign import content_versions, drafts, language_variants
from campaigns.campaign.models import Campaign
from campaigns.content.library import templates
from campaigns.content.library.models import Brand, Template
from campaigns.content.library.starters import StarterDesign
from campaigns.db import db

EMPTY: Mapping[str, Any] = {
    "content_kind": "blocks",
    "source": '{"version": 1, "rows": [{"type": "footer", "id": "foot1"}]}',
}
"""The content of a new template: nothing but the legal footer."""


def campaign_from(template: Template, *, editor_id: int | None, now: datetime) -> Campaign:
    """Create a draft with a template's content and name, from the sender address of its brand."""
    return _campaign(template.name, templates.content_of(template), editor_id, now)


def campaign_from_starter(
    starter: StarterDesign, *, editor_id: int | None, now: datetime
) -> Campaign:
    """Create a draft with a starter design."""
    return _campaign("", starter_content(starter), editor_id, now)


def starter_content(starter: StarterDesign) -> dict[str, Any]:
    """Return a starter design as the content of a campaign or a template."""
    return {"content_kind": "blocks", "source": starter.document}


def template_from(
    campaign: Campaign, name: str, *, folder: str = "", editor_id: int | None, now: datetime
) -> Template:
    """Create a template with a campaign's content. Raises TemplateError."""
    content = content_versions.content_of(campaign)
    return templates.create(name, content, folder=folder, editor_id=editor_id, now=now)


def _campaign(
    name: str, content: Mapping[str, Any], editor_id: int | None, now: datetime
) -> Campaign:
    campaign = drafts.create(name=name, editor_id=editor_id, now=now)
    brand_id = campaign.brand_id
    for one, value in content.items():
        if one != "variants":
            setattr(campaign, one, value)
    campaign.brand_id = campaign.brand_id or brand_id
    sender_id = _sender_of_brand(campaign.brand_id)
    if sender_id is not None:
        campaign.sender_id = sender_id
    db.session.flush()
    variants = content.get("variants", {})
    language_variants.replace_all(campaign.id, variants, editor_id=editor_id, now=now)
    return campaign


def _sender_of_brand(brand_id: int | None) -> int | None:
    return db.session.scalar(sa.select(Brand.sender_id).where(Brand.id == brand_id))
