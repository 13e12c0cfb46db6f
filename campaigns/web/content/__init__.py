"""The content page of campaigns and templates: editor, preview, problems, test emails."""

import campaigns.web.campaigns  # noqa: F401 - they import each other, and this order works
from campaigns.web.content import canvas, edit, kinds, preview, problems, test_send, variables
from campaigns.web.content.blueprint import bp

__all__ = ["bp", "canvas", "edit", "kinds", "preview", "problems", "test_send", "variables"]
