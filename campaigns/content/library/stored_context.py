"""The context of a source as JSON, so that a campaign keeps what it was launched with.

Another release may have written it, so unknown values are ignored, and missing ones get defaults.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from campaigns import formatting
from campaigns.content.brand_style import stored_style
from campaigns.content.sources.source import MediaFile, SourceContext
from campaigns.stored import from_stored


def to_json(context: SourceContext) -> dict[str, Any]:
    """Return a context made without `base_url` as JSON values."""
    return {
        "brand": context.brand.model_dump(mode="json"),
        "language": context.language,
        "snippets": dict(context.snippets),
        "saved_blocks": dict(context.saved_blocks),
        "media": {public_id: asdict(file) for public_id, file in context.media.items()},
    }


def from_json(stored: Mapping[str, Any], *, base_url: str, media_url: str = "") -> SourceContext:
    """Return a stored context. Paths of media get `media_url` in front, or `base_url`."""
    return SourceContext(
        brand=stored_style(stored.get("brand")),
        language=stored.get("language", formatting.DEFAULT_LOCALE),
        snippets=stored.get("snippets", {}),
        saved_blocks=stored.get("saved_blocks", {}),
        media={
            public_id: _file(values, media_url or base_url)
            for public_id, values in stored.get("media", {}).items()
        },
        base_url=base_url,
        is_frozen=True,
    )


def _file(values: Mapping[str, Any], base_url: str) -> MediaFile:
    file = from_stored(MediaFile, values)
    if not file.url.startswith("/"):
        return file
    return MediaFile(**{**asdict(file), "url": f"{base_url.rstrip('/')}{file.url}"})
