"""What the settings pages share: the blueprint and what their views answer with."""

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from campaigns.reports import overview

bp = Blueprint("settings", __name__)

Answer = str | Response | tuple[str, int]


def after_saving(endpoint: str) -> Response:
    """Where to go once a thing is set up: home while its first steps are not all taken."""
    return redirect(url_for(endpoint if overview.set_up().is_done else "home.home"))
