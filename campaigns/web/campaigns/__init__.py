"""Campaigns: list, compose, preview, test, launch, pause, resume, cancel."""

from campaigns.web.campaigns import (
    actions,
    edit,
    launch,
    new,
    overview,
    reschedule,
    switch_sender,
)
from campaigns.web.campaigns.blueprint import bp

__all__ = [
    "actions",
    "bp",
    "edit",
    "launch",
    "new",
    "overview",
    "reschedule",
    "switch_sender",
]
