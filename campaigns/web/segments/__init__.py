"""The pages of segments: list, builder with live count, and why someone is in or not."""

from campaigns.web.segments.views import bp

__all__ = ["bp"]
