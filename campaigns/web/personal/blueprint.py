"""The blueprint of the pages about personalization."""

from flask import Blueprint

bp = Blueprint("personal", __name__)

SAVED = {"HX-Trigger": "content-saved"}
"""Tells the content page to show its preview and its problems again."""
