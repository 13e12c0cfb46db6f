"""Independent requests.

The `app` fixture keeps its app context pushed, so the next request would find in `g` who was
logged in during the last.
"""

from contextvars import Context
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def visit(client: FlaskClient, path: str, method: str = "GET", **values: Any) -> TestResponse:
    """Send one request of this browser, in its own context."""
    return Context().run(client.open, path, method=method, **values)
