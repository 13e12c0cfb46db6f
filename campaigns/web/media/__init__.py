"""The media library: upload, find, change, crop and delete images."""

from campaigns.web.media import library, uploads
from campaigns.web.media.blueprint import bp

__all__ = ["bp", "library", "uploads"]
