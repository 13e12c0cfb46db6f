"""Campaigns: list, compose, preview, test, launch, pause, resume, cancel."""

from campaigns.web.campaigns import (
    actions,
    edit,
    going_on,
    launch,
    moving,
    overview,
    preview,
    trial,
)
from campaigns.web.campaigns.blueprint import bp

__all__ = ["actions", "bp", "edit", "going_on", "launch", "moving", "overview", "preview", "trial"]
