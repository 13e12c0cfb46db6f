"""A campaign while it is sent and after: progress, ledger, results."""

from flask import Blueprint

bp = Blueprint("reports", __name__)
