"""The public sign-up page of a list, and its confirmation (double opt-in)."""

from flask import Blueprint

bp = Blueprint("public_subscribe", __name__)
