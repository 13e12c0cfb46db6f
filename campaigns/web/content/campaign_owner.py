"""A campaign as the owner of content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from flask import url_for

from campaigns.audience.models import Subscriber
from campaigns.campaign import audience, drafts, preview_people
from campaigns.campaign.audience import AudienceError
from campaigns.campaign.drafts import EditConflictError, NotEditableError
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.campaign.preview_people import Extreme
from campaigns.content.mime.compile import Content
from campaigns.content.sources.source import kind_of
from campaigns.context import services
from campaigns.db import db
from campaigns.web.campaigns.blueprint import url_of
from campaigns.web.campaigns.titles import title_of
from campaigns.web.content.owner import (
    ContentConflictError,
    ContentLockedError,
    ContentOwner,
    SavedContent,
)
from campaigns.web.words import gettext as _


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignContent(ContentOwner):
    """The content of a campaign."""

    campaign: Campaign

    def content(self) -> Content:
        """Return the content with the campaign's sender and lists."""
        return content_of(self.campaign, base_url=services().settings.base_url)

    def sample(self, limit: int, now: datetime) -> list[Subscriber]:
        """Return a few people of the audience."""
        try:
            scope = audience.scope_of(self.campaign.id, now=now)
        except AudienceError:  # the campaign's page says so
            return []
        return list(db.session.scalars(audience.sample(scope, limit=limit)))

    def extremes(self, which: Extreme, limit: int, now: datetime) -> Sequence[Subscriber]:
        """Return people of the audience."""
        try:
            scope = audience.scope_of(self.campaign.id, now=now, reads_everyone=False)
        except AudienceError:
            return []
        return preview_people.find(scope, which, limit=limit, rng=Random())  # noqa: S311

    def save(
        self, changes: Mapping[str, Any], version: int, *, seen: str, editor_id: int, now: datetime
    ) -> SavedContent:
        """Save fields of the content of a draft, or its variables."""
        campaign_id = self.campaign.id
        try:
            drafts.save(campaign_id, version, changes, seen=seen, editor_id=editor_id, now=now)
        except EditConflictError as error:
            newer = error.current
            raise ContentConflictError(
                newer.version, newer.edited_by_id, newer.updated_at
            ) from error
        except NotEditableError as error:
            raise ContentLockedError(error.reason) from error
        current = db.session.get_one(Campaign, campaign_id)
        return SavedContent(current.version, drafts.fingerprint(current, "content"))


def content_of_campaign(campaign: Campaign) -> CampaignContent:
    """Return the content of a campaign."""
    title, home_url = title_of(campaign), url_of(campaign)
    return CampaignContent(
        owner="campaigns",
        public_id=campaign.public_id,
        title=title,
        version=campaign.version,
        seen=drafts.fingerprint(campaign, "content"),
        updated_at=campaign.updated_at,
        is_editable=campaign.status == "draft",
        subject=campaign.subject,
        preheader=campaign.preheader,
        content_kind=kind_of(campaign.content_kind),
        source=campaign.source,
        inline_css=campaign.inline_css,
        brand_id=campaign.brand_id,
        variables=campaign.variables,
        variables_seen=drafts.fingerprint(campaign, "variables"),
        home_url=home_url,
        crumbs=((url_for("campaigns.index"), _("Campaigns")), (home_url, title)),
        campaign=campaign,
    )


def find(public_id: str) -> CampaignContent | None:
    """Return the content of this campaign."""
    campaign = drafts.find(public_id)
    return None if campaign is None else content_of_campaign(campaign)
