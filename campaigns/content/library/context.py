"""What a source is compiled with, read from the library."""

import json
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from campaigns.content.brand_style import BrandStyle, stored_style
from campaigns.content.library.media import files_of
from campaigns.content.library.mentions import mentions_in
from campaigns.content.library.models import Brand, SavedBlock, Snippet
from campaigns.content.sources.source import SourceContext
from campaigns.db import db

MAX_DEPTH = 10
"""Number of snippets and saved blocks inside each other that are loaded."""


def context_of(
    source: str, brand_id: int | None, *, base_url: str, language: str, media_url: str = ""
) -> SourceContext:
    """Return what this source is compiled with: only what it names. Without a brand, the default.

    `media_url` is in front of the paths of images, `base_url` if it is empty.

    A query for the brand, one for the media, and one for each other kind that is named, at each
    depth.
    """
    brand = style_of(brand_id)
    snippets: dict[str, str] = {}
    saved_blocks: dict[str, list[dict[str, object]]] = {}
    texts: list[str] = [source]
    media = mentions_in([brand.model_dump_json()]).media
    for _ in range(MAX_DEPTH):
        named = mentions_in(texts)
        media |= named.media
        new_snippets = _snippets(named.snippets - snippets.keys())
        new_blocks = _saved_blocks(named.saved_blocks - saved_blocks.keys())
        if not new_snippets and not new_blocks:
            break
        snippets |= new_snippets
        saved_blocks |= new_blocks
        texts = [*new_snippets.values(), *_as_texts(new_blocks.values())]
    return SourceContext(
        brand=brand,
        language=language,
        snippets=snippets,
        saved_blocks=saved_blocks,
        media=files_of(media, base_url=media_url or base_url),
        base_url=base_url,
    )


def _snippets(keys: Collection[str]) -> dict[str, str]:
    if not keys:
        return {}
    rows = db.session.execute(
        sa.select(Snippet.key, Snippet.source).where(Snippet.key.in_(sorted(keys)))
    )
    return {row.key: row.source for row in rows}


def _saved_blocks(public_ids: Collection[str]) -> dict[str, Any]:
    if not public_ids:
        return {}
    rows = db.session.execute(
        sa.select(SavedBlock.public_id, SavedBlock.rows).where(
            SavedBlock.public_id.in_(sorted(public_ids))
        )
    )
    return {row[0]: row[1] for row in rows}


def _as_texts(documents: Iterable[object]) -> list[str]:
    return [json.dumps(one, ensure_ascii=False) for one in documents]


def style_of(brand_id: int | None) -> BrandStyle:
    """Return the design of a brand, or of the default one."""
    chosen = Brand.is_default if brand_id is None else Brand.id == brand_id
    stored = db.session.scalar(sa.select(Brand.style).where(chosen).order_by(Brand.id).limit(1))
    return stored_style(stored)
