"""Requests that know nothing of each other, as in real life.

The `app` fixture keeps its app context pushed, and what a request remembers in `g` (who is
logged in) would be found there by the next one.
"""

from contextvars import Context
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def visit(client: FlaskClient, path: str, method: str = "GET", **values: Any) -> TestResponse:
    """One request of this browser, in a context of its own."""
    return Context().run(client.open, path, method=method, **values)
