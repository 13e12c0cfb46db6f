"""Restrict requests by method: only POST changes anything, and only POST has a body.

Views that change something accept only POST. Two safety nets: a body with any other method is
dropped unread, and writing to the database then raises an error.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request
from flask import Request as FlaskRequest

from campaigns.db import forbid_writing

View = TypeVar("View", bound=Callable[..., object])

_RECORDS = "_campaigns_records_visits"
_BODY_VARIABLES = ("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_TRANSFER_ENCODING")


class Request(FlaskRequest):
    """A request that has a body only if it is a POST."""

    def __init__(self, environ: dict[str, Any], *args: Any, **values: Any) -> None:
        if environ["REQUEST_METHOD"] != "POST" and any(map(environ.get, _BODY_VARIABLES)):
            environ = {key: environ[key] for key in environ if key not in _BODY_VARIABLES}
            environ["wsgi.input"] = BytesIO()
        super().__init__(environ, *args, **values)


def records_visits(view: View) -> View:
    """Declare that a GET of this view records the visit, for opens and clicks."""
    setattr(view, _RECORDS, True)
    return view


def is_visit() -> bool:
    """Return whether this may be a person: HEAD and OPTIONS come from programs."""
    return request.method in {"GET", "POST"}


def enforce(app: Flask) -> None:
    """Forbid database writes in requests of this app unless their method allows them."""
    app.request_class = Request
    app.before_request(_forbid_writing)
    app.after_request(_without_body)
    app.teardown_request(_forget)


def _forbid_writing() -> None:
    forbid_writing(not _may_write())


def _may_write() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return request.method == "POST" or (is_visit() and getattr(view, _RECORDS, False))


def _forget(_: BaseException | None) -> None:
    forbid_writing(False)


def _without_body(response: Response) -> Response:
    """Answer OPTIONS with headers only, as the server does for HEAD.

    Nobody reads an export that answers HEAD, so it is closed here. Collected as garbage later, it
    would end the context of another request together with its own.
    """
    if request.method == "HEAD" and response.is_streamed:
        response.close()
    if request.method == "OPTIONS":
        response.set_data(b"")
    return response
