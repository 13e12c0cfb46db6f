"""What the settings pages share: the blueprint, and the first steps."""

from flask import Blueprint, url_for

from campaigns.reports import overview

bp = Blueprint("settings", __name__)


def next_step(endpoint: str) -> str:
    """Return where to go once a thing is set up: home while its first steps are not all taken."""
    return url_for(endpoint if overview.set_up().is_done else "home.home")
