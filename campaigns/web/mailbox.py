"""The inbox of the built-in mailbox."""

from flask import Blueprint

bp = Blueprint("mailbox", __name__)
