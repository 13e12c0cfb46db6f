"""A campaign as its recipient sees it, in the browser."""

from flask import Blueprint

bp = Blueprint("public_view", __name__)
