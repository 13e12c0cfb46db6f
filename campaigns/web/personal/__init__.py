"""Pages about personalisation: the merge-tag picker, and the variables of a campaign."""

from campaigns.web.personal import picker, variables
from campaigns.web.personal.blueprint import bp

__all__ = ["bp", "picker", "variables"]
