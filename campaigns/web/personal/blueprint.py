"""The blueprint of the pages about personalisation."""

from flask import Blueprint

bp = Blueprint("personal", __name__)
