"""The blueprint of the media library."""

from typing import Any

from flask import Blueprint, request
from flask_login import current_user

from campaigns.context import services

bp = Blueprint("media", __name__)

FORM_BYTES = 64 * 1024
"""Room for the other fields of an upload."""


@bp.app_template_global("media_max_bytes")
def max_file_bytes() -> int:
    """Return the size limit of an image, in bytes."""
    return services().settings.media_max_mb * 1024 * 1024


@bp.url_value_preprocessor
def _allow_upload(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Raise the size limit before anything reads the form, but only for logged-in users."""
    if endpoint == "media.upload" and current_user.is_authenticated:
        request.max_content_length = max_file_bytes() + FORM_BYTES
