"""The kinds of rules about what the audience package knows. Importing them registers them."""

from campaigns.audience.segments.kinds import lists, tags

__all__ = ["lists", "tags"]
