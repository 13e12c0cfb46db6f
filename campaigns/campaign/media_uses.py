"""Find what shows an image of the media library: before it is deleted, and in its details."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, CampaignVariant, FrozenContent
from campaigns.campaign.title import title_of
from campaigns.content.library.models import (
    Brand,
    ContentVersion,
    Media,
    SavedBlock,
    Snippet,
    Template,
)
from campaigns.db import db

AT_ONCE = 100
"""Rows read at once, as sources may be large."""
_REFERENCE = re.compile(r"media[:/]([A-Za-z0-9]{12})(?![A-Za-z0-9])")

Shower = Literal["campaign", "template", "saved_block", "snippet", "brand"]
OVER = ("sent", "cancelled")
"""States of campaigns that no longer send anything."""


@dataclass(frozen=True, slots=True)
class MediaUse:
    """Something that shows an image. `status`: that of a campaign."""

    kind: Shower
    public_id: str
    title: str
    status: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it is a campaign that no longer sends anything."""
        return self.status in OVER


def uses_of(public_ids: Collection[str]) -> Mapping[str, list[MediaUse]]:
    """Return what shows each of these images, by public id; campaigns come first.

    Each kind of content is read once, however many images there are. References are found as
    `media:<public id>` and in copied addresses.
    """
    found: dict[str, list[MediaUse]] = {public_id: [] for public_id in public_ids}
    # The database finds a single one without handing over the sources of all the others.
    part = next(iter(found)) if len(found) == 1 else "media"
    for use, text in chain(_campaigns(part), _variants(part), _library(part)):
        for public_id in _shown(text) & found.keys():
            if use not in found[public_id]:  # a campaign in several languages
                found[public_id].append(use)
    return found


def shown_before(public_ids: Collection[str]) -> set[str]:
    """Return which of these images appear in stored versions of any content.

    There may be many versions; those older than the images are not read.
    """
    uploaded = sa.select(sa.func.min(Media.created_at)).where(Media.public_id.in_(public_ids))
    text = ContentVersion.source + _other_languages(ContentVersion)
    sources = db.session.scalars(
        sa.select(text)
        .where(ContentVersion.saved_at >= uploaded.scalar_subquery(), text.contains("media"))
        .execution_options(yield_per=AT_ONCE)
    )
    wanted, found = set(public_ids), set[str]()
    with sources:
        for source in sources:
            found |= _shown(source) & wanted
            if found == wanted:
                break
    return found


def _other_languages(model: type[ContentVersion | Template]) -> sa.ColumnElement[str]:
    return sa.func.coalesce(sa.cast(model.variants, sa.Text), "")


def _shown(text: str) -> set[str]:
    return set(_REFERENCE.findall(text))


def _campaigns(part: str) -> Iterator[tuple[MediaUse, str]]:
    # A draft may have the copy of an earlier launch.
    is_launched = Campaign.status != "draft"
    frozen = sa.case((is_launched, sa.cast(FrozenContent.context, sa.Text)))
    rows = db.session.execute(
        sa.select(
            Campaign.public_id,
            Campaign.name,
            Campaign.subject,
            Campaign.status,
            (Campaign.source + sa.func.coalesce(frozen, "")).label("text"),
        )
        .outerjoin(FrozenContent, FrozenContent.campaign_id == Campaign.id)
        .where(sa.or_(Campaign.source.contains(part), sa.func.coalesce(frozen, "").contains(part)))
        .order_by(Campaign.id.desc())
        .execution_options(yield_per=AT_ONCE)
    )
    for row in rows:
        title = title_of(row.name, row.subject)
        yield MediaUse("campaign", row.public_id, title, row.status), row.text


def _variants(part: str) -> Iterator[tuple[MediaUse, str]]:
    rows = db.session.execute(
        sa.select(
            Campaign.public_id,
            Campaign.name,
            Campaign.subject,
            Campaign.status,
            CampaignVariant.source,
        )
        .join(CampaignVariant, CampaignVariant.campaign_id == Campaign.id)
        .where(CampaignVariant.source.contains(part))
        .order_by(Campaign.id.desc(), CampaignVariant.language)
        .execution_options(yield_per=AT_ONCE)
    )
    for row in rows:
        title = title_of(row.name, row.subject)
        yield MediaUse("campaign", row.public_id, title, row.status), row.source


def _library(part: str) -> Iterator[tuple[MediaUse, str]]:
    texts: tuple[tuple[Shower, type[Any], sa.ColumnElement[str]], ...] = (
        ("template", Template, Template.source + _other_languages(Template)),
        ("saved_block", SavedBlock, sa.cast(SavedBlock.rows, sa.Text)),
        ("snippet", Snippet, sa.type_coerce(Snippet.source, sa.Text)),
        ("brand", Brand, sa.cast(Brand.style, sa.Text)),
    )
    for kind, model, text in texts:
        rows = db.session.execute(
            sa.select(model.public_id, model.name, text.label("text"))
            .where(text.contains(part))
            .order_by(model.name, model.id)
            .execution_options(yield_per=AT_ONCE)
        )
        for row in rows:
            yield MediaUse(kind, row.public_id, row.name), row.text
