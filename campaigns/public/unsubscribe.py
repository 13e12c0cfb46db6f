"""Unsubscribe: one-click POST, and a page with one button."""

from flask import Blueprint

bp = Blueprint("public_unsubscribe", __name__)
