"""Record versions of a campaign's whole content: its own, and that in other languages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, CampaignVariant
from campaigns.content.library import versions
from campaigns.content.library.versions import VARIANT_FIELDS, SavedState, VersionOwner
from campaigns.db import db


@contextmanager
def recorded(campaign_id: int, *, is_separate: bool = False) -> Iterator[None]:
    """Record what the block saves as a version, if it changes the content.

    `is_separate`: never merge it with the version before.
    """
    before = _state_of(campaign_id)
    yield
    after = _state_of(campaign_id)
    if before is None or after is None or before.content == after.content:
        return
    owner = VersionOwner(campaign_id=campaign_id)
    versions.record(owner, before, after, is_separate=is_separate)


def content_of(campaign: Campaign) -> dict[str, Any]:
    """Return a value for each of `versions.FIELDS`."""
    names = (name for name in versions.FIELDS if name != "variants")
    own = {name: getattr(campaign, name) for name in names}
    return {**own, "variants": variants_of(campaign.id)}


def variants_of(campaign_id: int) -> dict[str, dict[str, Any]]:
    """Return the content in other languages: a value for each of VARIANT_FIELDS, by language."""
    columns = [getattr(CampaignVariant, name) for name in VARIANT_FIELDS]
    rows = db.session.execute(
        sa.select(CampaignVariant.language, *columns)
        .where(CampaignVariant.campaign_id == campaign_id)
        .order_by(CampaignVariant.language)
    )
    return {row[0]: dict(zip(VARIANT_FIELDS, row[1:], strict=True)) for row in rows}


def _state_of(campaign_id: int) -> SavedState | None:
    campaign = db.session.get(Campaign, campaign_id, populate_existing=True)
    if campaign is None:
        return None
    content = content_of(campaign)
    return SavedState(campaign.version, content, campaign.edited_by_id, campaign.updated_at)
