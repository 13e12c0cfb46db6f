"""Shared by the pages of templates: the blueprint, and finding a template or a starter design."""

from flask import Blueprint, abort

from campaigns.content.library import starters, templates
from campaigns.content.library.models import Template
from campaigns.content.library.starters import StarterDesign

bp = Blueprint("templates", __name__)


def template_or_404(public_id: str) -> Template:
    """Return the template with this id, or abort with 404."""
    return templates.find(public_id) or abort(404)


def starter_or_404(name: str) -> StarterDesign:
    """Return the starter design with this name, or abort with 404."""
    return starters.find(name) or abort(404)
