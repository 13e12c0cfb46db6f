"""Find what shows an image of the media library: before it is deleted, and in its details."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, FrozenContent
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

Shower = Literal["campaign", "template", "saved_block", "snippet", "brand"]
OVER = ("sent", "cancelled")
"""States of campaigns that send nothing any more."""


@dataclass(frozen=True, slots=True)
class MediaUse:
    """Something that shows an image. `status`: that of a campaign."""

    kind: Shower
    public_id: str
    title: str
    status: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it is a campaign that sends nothing any more."""
        return self.status in OVER


def uses_of(public_ids: Collection[str]) -> Mapping[str, list[MediaUse]]:
    """Return what shows each of these images, by public id; campaigns come first.

    A reference is found by the public id, in `media:<public id>` as well as in copied addresses.
    """
    found: dict[str, list[MediaUse]] = {public_id: [] for public_id in public_ids}
    for row in db.session.execute(_in_campaigns(public_ids)):
        title = title_of(row.name, row.subject)
        use = MediaUse("campaign", row.public_id, title, row.status)
        found[row.media].append(use)
    for kind, statement in _elsewhere(public_ids):
        for row in db.session.execute(statement):
            found[row.media].append(MediaUse(kind, row.public_id, row.name))
    return found


def shown_before(public_ids: Collection[str]) -> set[str]:
    """Return which of these images earlier versions of some content show."""
    return set(
        db.session.scalars(
            sa.select(Media.public_id)
            .where(Media.public_id.in_(public_ids))
            .where(sa.exists().where(ContentVersion.source.contains(Media.public_id)))
        )
    )


def _in_campaigns(public_ids: Collection[str]) -> sa.Executable:
    frozen = sa.cast(FrozenContent.context, sa.Text)
    return (
        sa.select(
            Media.public_id.label("media"),
            Campaign.public_id,
            Campaign.name,
            Campaign.subject,
            Campaign.status,
        )
        .select_from(Media)
        .join(Campaign, sa.true())
        .outerjoin(FrozenContent, FrozenContent.campaign_id == Campaign.id)
        .where(
            Media.public_id.in_(public_ids),
            sa.or_(
                Campaign.source.contains(Media.public_id),
                sa.and_(frozen.is_not(None), frozen.contains(Media.public_id)),
            ),
        )
        .order_by(Campaign.id.desc())
    )


def _elsewhere(public_ids: Collection[str]) -> list[tuple[Shower, sa.Executable]]:
    rows = sa.cast(SavedBlock.rows, sa.Text)
    style = sa.cast(Brand.style, sa.Text)
    return [
        ("template", _showing(Template, Template.source, public_ids)),
        ("saved_block", _showing(SavedBlock, rows, public_ids)),
        ("snippet", _showing(Snippet, Snippet.source, public_ids)),
        ("brand", _showing(Brand, style, public_ids)),
    ]


def _showing(
    model: type[Template | SavedBlock | Snippet | Brand],
    text: sa.SQLColumnExpression[str],
    public_ids: Collection[str],
) -> sa.Executable:
    return (
        sa.select(Media.public_id.label("media"), model.public_id, model.name)
        .join(model, text.contains(Media.public_id))
        .where(Media.public_id.in_(public_ids))
        .order_by(model.name, model.id)
    )
