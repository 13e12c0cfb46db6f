"""Pages about personalization: merge tags, and languages and feed of a campaign."""

from campaigns.web.personal import feed, languages, picker
from campaigns.web.personal.blueprint import bp

__all__ = ["bp", "feed", "languages", "picker"]
