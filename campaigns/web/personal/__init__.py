"""Pages about personalisation: merge-tag picker, and variables and languages of a campaign."""

from campaigns.web.personal import languages, picker, variables
from campaigns.web.personal.blueprint import bp

__all__ = ["bp", "languages", "picker", "variables"]
