"""What a source is compiled with, read from the library."""

import sqlalchemy as sa
from pydantic import ValidationError

from campaigns.content.brand_style import BrandStyle
from campaigns.content.library.models import Brand
from campaigns.content.sources.source import SourceContext
from campaigns.db import db


def context_of(source: str, brand_id: int | None, *, base_url: str, language: str) -> SourceContext:
    """Return what this source is compiled with. Without a brand, the default one is used."""
    return SourceContext(brand=style_of(brand_id), language=language, base_url=base_url)


def style_of(brand_id: int | None) -> BrandStyle:
    """Return the design of a brand, or of the default one."""
    chosen = Brand.is_default if brand_id is None else Brand.id == brand_id
    stored = db.session.scalar(sa.select(Brand.style).where(chosen).order_by(Brand.id).limit(1))
    try:
        return BrandStyle.model_validate(stored or {})
    except ValidationError:  # written by a newer version
        return BrandStyle()
