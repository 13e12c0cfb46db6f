"""Pages about personalisation: the merge-tag picker."""

from campaigns.web.personal import picker
from campaigns.web.personal.blueprint import bp

__all__ = ["bp", "picker"]
