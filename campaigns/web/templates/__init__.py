"""Templates: the gallery, and what can be done with a template."""

from campaigns.web.templates import actions, gallery, thumbnails
from campaigns.web.templates.blueprint import bp

__all__ = ["actions", "bp", "gallery", "thumbnails"]
