"""Lists: make, change, delete; the public sign-up page of each."""

from flask import Blueprint

bp = Blueprint("lists", __name__)
