"""Opens and clicks."""

from flask import Blueprint

bp = Blueprint("public_track", __name__)
