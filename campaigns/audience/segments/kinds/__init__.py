"""The kinds of rules about what the audience package knows. Importing them registers them."""

from campaigns.audience.segments.kinds import fields, lists, origins, people, segments, tags

__all__ = ["fields", "lists", "origins", "people", "segments", "tags"]
