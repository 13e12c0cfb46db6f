"""The media library: upload, find, change, crop and delete images."""

from campaigns.web.media import details, library, removal, uploads
from campaigns.web.media.blueprint import bp

__all__ = ["bp", "details", "library", "removal", "uploads"]
