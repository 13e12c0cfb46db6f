"""Campaigns: list, compose, preview, test, launch, pause, resume, cancel."""

from campaigns.web.campaigns import actions, overview, test_send
from campaigns.web.campaigns.blueprint import bp

__all__ = ["actions", "bp", "overview", "test_send"]
