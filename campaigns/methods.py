"""What a request may do by its method: only POST changes anything, and only POST has a body.

Views ask for POST and for nothing else. Two nets lie below them: a body that comes with any other
method is dropped before anybody can read it, and writing to the database raises an error.
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
    """Declare that a GET of this view records the visit: opens and clicks."""
    setattr(view, _RECORDS, True)
    return view


def is_visit() -> bool:
    """Return whether a person may have come: what asks with HEAD or OPTIONS is a program."""
    return request.method in {"GET", "POST"}


def enforce(app: Flask) -> None:
    """Let requests of this app write to the database only where their method may."""
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
    """Answer OPTIONS by headers alone, as the server does with HEAD."""
    if request.method == "OPTIONS":
        response.set_data(b"")
    return response
