"""The context of a source as JSON, so that a campaign keeps what it was launched with."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from campaigns.content.brand_style import BrandStyle
from campaigns.content.sources.source import MediaFile, SourceContext

_MEDIA_FIELDS = frozenset(one.name for one in fields(MediaFile))


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
        brand=BrandStyle.model_validate(stored["brand"]),
        language=stored["language"],
        snippets=stored["snippets"],
        saved_blocks=stored["saved_blocks"],
        media={
            public_id: _file(values, media_url or base_url)
            for public_id, values in stored["media"].items()
        },
        base_url=base_url,
    )


def _file(values: Mapping[str, Any], base_url: str) -> MediaFile:
    file = MediaFile(**{name: value for name, value in values.items() if name in _MEDIA_FIELDS})
    if not file.url.startswith("/"):
        return file
    return MediaFile(**{**asdict(file), "url": f"{base_url.rstrip('/')}{file.url}"})
