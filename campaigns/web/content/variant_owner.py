"""A variant of a campaign in another language, as the owner of content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.audience.models import Subscriber
from campaigns.campaign import language_variants
from campaigns.campaign.language_variants import FIELDS, VariantConflictError, VariantError
from campaigns.campaign.models import CampaignVariant
from campaigns.campaign.preview_people import Extreme
from campaigns.content.mime.compile import Content
from campaigns.content.sources.source import kind_of
from campaigns.web.content import campaign_owner
from campaigns.web.content.campaign_owner import CampaignContent
from campaigns.web.content.owner import (
    ContentConflictError,
    ContentLockedError,
    ContentOwner,
    SavedContent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantContent(ContentOwner):
    """The content of a campaign in another language."""

    main: CampaignContent

    def content(self) -> Content:
        """Return the content in this language."""
        return self.main.content().in_language(self.language)

    def sample(self, limit: int, now: datetime) -> list[Subscriber]:
        """Return a few people of the audience."""
        return self.main.sample(limit, now)

    def extremes(self, which: Extreme, limit: int, now: datetime) -> Sequence[Subscriber]:
        """Return people of the audience."""
        return self.main.extremes(which, limit, now)

    def save(
        self, changes: Mapping[str, Any], version: int, *, seen: str, editor_id: int, now: datetime
    ) -> SavedContent:
        """Save fields of the variant. The brand is that of the campaign."""
        own = {name: value for name, value in changes.items() if name in FIELDS}
        campaign_id = self.main.campaign.id
        try:
            saved = language_variants.save(
                campaign_id, self.language, version, own, editor_id=editor_id, now=now
            )
        except VariantConflictError as error:
            newer = error.current
            raise ContentConflictError(
                newer.version, newer.edited_by_id, newer.updated_at
            ) from error
        except VariantError as error:
            raise ContentLockedError(error.reason) from error
        return SavedContent(saved, "")


def find(public_id: str, language: str) -> VariantContent | None:
    """Return the variant of this campaign in a language."""
    main = campaign_owner.find(public_id)
    if main is None:
        return None
    variant = language_variants.find(main.campaign.id, language)
    return None if variant is None else _content_of(main, variant)


def _content_of(main: CampaignContent, variant: CampaignVariant) -> VariantContent:
    return VariantContent(
        owner="campaigns",
        public_id=main.public_id,
        language=variant.language,
        title=main.title,
        version=variant.version,
        seen="",
        updated_at=variant.updated_at,
        is_editable=main.is_editable,
        subject=variant.subject,
        preheader=variant.preheader,
        content_kind=kind_of(variant.content_kind),
        source=variant.source,
        inline_css=variant.inline_css,
        brand_id=main.brand_id,
        home_url=main.home_url,
        crumbs=main.crumbs,
        main=main,
    )
