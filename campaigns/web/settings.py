"""Settings: sender, SMTP accounts, workspace, own account."""

from flask import Blueprint

bp = Blueprint("settings", __name__)
