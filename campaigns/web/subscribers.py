"""Subscribers: search, add, change, delete, subscribe and unsubscribe by hand, export."""

from flask import Blueprint

bp = Blueprint("subscribers", __name__)
