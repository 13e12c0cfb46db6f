"""CSV imports: upload, column mapping, progress, per-row errors."""

from flask import Blueprint

bp = Blueprint("imports", __name__)
