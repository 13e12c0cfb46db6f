"""CSRF tokens that look different in every response.

Compression would give away a text that is the same in all pages. A token is sent with a random mask
of its length, and combined with it: neither half says anything about the token.
"""

import base64
import binascii
import os
from typing import Any

from flask import Flask, request
from flask_wtf.csrf import CSRFProtect, generate_csrf

_KEY = "campaigns.csrf_token"
"""Key of the token in the request's environment: all forms of a page send the same."""


class MaskedCSRFProtect(CSRFProtect):  # type: ignore[misc]
    """Flask-WTF's protection, with masked tokens."""

    def init_app(self, app: Flask) -> None:
        """Protect all routes, and give templates masked tokens."""
        super().init_app(app)
        app.jinja_env.globals["csrf_token"] = token
        app.context_processor(lambda: {"csrf_token": token})

    def _get_csrf_token(self) -> Any:
        sent = super()._get_csrf_token()
        return unmasked(sent) if isinstance(sent, str) else sent


def token() -> str:
    """Return the masked token of this request."""
    found: str | None = request.environ.get(_KEY)
    if found is None:
        found = request.environ[_KEY] = masked(generate_csrf())
    return found


def masked(plain: str) -> str:
    """Combine a token with a mask, and return both."""
    content = plain.encode("ascii")
    mask = os.urandom(len(content))
    return base64.urlsafe_b64encode(mask + _combined(mask, content)).decode("ascii")


def unmasked(sent: str) -> str:
    """Return the token in a masked one; any other text stays as it is."""
    try:
        content = base64.b64decode(sent.encode("ascii"), b"-_", validate=True)
        half = len(content) // 2
        return _combined(content[:half], content[half:]).decode("ascii")
    except (ValueError, UnicodeError, binascii.Error):
        return sent


def _combined(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
