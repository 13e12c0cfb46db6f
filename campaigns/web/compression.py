"""Compressed pages.

The length of a compressed page tells how much of it is repeated. An attacker who sees lengths, and
can put their own text into a page, could guess its secrets. So a page is compressed only if its
request had no room for such text, and its CSRF token looks different each time (csrf.py).
docs/decisions/0024 says more.
"""

import gzip
from collections.abc import Callable, Mapping

import brotli
from flask import Flask, Response, request

from campaigns.web.static_files import negotiated

LEAST_BYTES = 1000
"""Size below which compression saves no packet."""
TYPES = {"text/html", "application/json"}


def _brotli(content: bytes) -> bytes:
    compressed: bytes = brotli.compress(content, quality=4)
    return compressed


_CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": _brotli,
    "gzip": lambda content: gzip.compress(content, compresslevel=4, mtime=0),
}


def register(app: Flask) -> None:
    """Compress the responses of this app where that is safe."""
    app.after_request(_compress_page)


def _compress_page(response: Response) -> Response:
    is_bare = request.method != "POST" and not request.query_string
    return compress(response) if is_bare and response.status_code == 200 else response


def compress(response: Response) -> Response:
    """Compress a response that is built already. The caller knows that its length may be seen."""
    if response.is_streamed or response.direct_passthrough or response.mimetype not in TYPES:
        return response
    if "Content-Encoding" in response.headers or response.get_etag() != (None, None):
        return response
    content = response.get_data()
    if len(content) < LEAST_BYTES:
        return response
    response.vary.add("Accept-Encoding")
    coding = negotiated(request.accept_encodings)
    if coding in _CODINGS:
        response.set_data(_CODINGS[coding](content))
        response.headers["Content-Encoding"] = coding
    return response
