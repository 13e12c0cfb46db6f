"""The brand of content: chosen on the content page once there are several."""

from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.content.library.models import Brand
from campaigns.db import db
from campaigns.web.content.owner import ContentOwner

MOST = 200
"""Number of brands to choose from."""


@dataclass(frozen=True, slots=True)
class BrandChoice:
    """A brand to choose."""

    public_id: str
    name: str
    is_chosen: bool


def choices_for(owner: ContentOwner) -> list[BrandChoice]:
    """Return the brands, the default first; it is that of content without a brand.

    The chosen one is among them, however many there are: the page saves what is chosen in it.
    A saved block has none of its own, and the variants of a campaign have its brand.
    """
    if owner.owner == "saved-blocks" or owner.language:
        return []
    rows = db.session.execute(
        sa.select(Brand.id, Brand.public_id, Brand.name)
        .order_by(
            Brand.is_default.desc(), (Brand.id == owner.brand_id).desc(), Brand.name, Brand.id
        )
        .limit(MOST)
    ).all()
    chosen = owner.brand_id or next((row.id for row in rows), None)
    return [BrandChoice(row.public_id, row.name, row.id == chosen) for row in rows]


def find_id(public_id: str) -> int | None:
    """Return the id of this brand; None if it was deleted."""
    return db.session.scalar(sa.select(Brand.id).where(Brand.public_id == public_id))
