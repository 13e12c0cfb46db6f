"""The blueprint of a campaign's report."""

from flask import Blueprint

bp = Blueprint("reports", __name__)
