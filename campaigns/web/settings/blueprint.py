"""What the settings pages share: the blueprint and what their views answer with."""

from flask import Blueprint
from werkzeug.wrappers import Response

bp = Blueprint("settings", __name__)

Answer = str | Response | tuple[str, int]
