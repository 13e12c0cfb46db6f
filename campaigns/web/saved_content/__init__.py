"""Saved content: blocks and snippets that emails share."""

from campaigns.web.saved_content import blocks, snippets
from campaigns.web.saved_content.blueprint import bp

__all__ = ["blocks", "bp", "snippets"]
