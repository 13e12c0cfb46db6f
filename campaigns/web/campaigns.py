"""Campaigns: list, compose, preview, test, launch, pause, resume, cancel."""

from flask import Blueprint

bp = Blueprint("campaigns", __name__)
