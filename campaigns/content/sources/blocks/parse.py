"""Read a document of blocks, and say what is wrong with one that cannot be read."""

import json
from typing import Any

from pydantic import ValidationError

from campaigns.content.sources.blocks.document import Document
from campaigns.content.templating.problems import Problem, found

VERSION = 1
MAX_DOCUMENT = 2_000_000


def parse(text: str) -> tuple[Document | None, list[Problem]]:
    """Return the document, or None and the reasons. Never raises."""
    if len(text) > MAX_DOCUMENT:
        return None, [found("html", 0, "blocks.too_large", kilobytes=MAX_DOCUMENT // 1000)]
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None, [found("html", 0, "blocks.not_json")]
    if not isinstance(data, dict):
        return None, [found("html", 0, "blocks.not_json")]
    if _is_newer(data.get("version")):
        return None, [found("html", 0, "blocks.newer_version")]
    try:
        return Document.model_validate(data), []
    except ValidationError as error:
        name = ".".join(str(part) for part in error.errors()[0]["loc"])
        return None, [found("html", 0, "blocks.bad_value", name=name)]


def _is_newer(version: Any) -> bool:
    return isinstance(version, int) and version > VERSION
