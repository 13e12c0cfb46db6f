"""Brands: how emails look, and what new campaigns begin with."""

from campaigns.web.brands import actions, pages, preview
from campaigns.web.brands.blueprint import bp

__all__ = ["actions", "bp", "pages", "preview"]
