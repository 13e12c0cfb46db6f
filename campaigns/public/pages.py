"""What all pages for recipients share: rendering, the visitor, errors in friendly words.

These pages are rendered without the context of the pages behind login: nothing here may touch
the session, so that no answer sets a cookie or depends on one.
"""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, request
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from campaigns.accounts.workspace import load_workspace
from campaigns.events.tracking import clean_user_agent
from campaigns.outages import is_outage, outages
from campaigns.self_service.signup import Visitor
from campaigns.web_limits import seconds_to_wait, wait_in_words

RETRY_AFTER = timedelta(minutes=2)

_ERRORS = {
    400: (
        "This request could not be read",
        "Please open the link again, or copy it from the email as a whole.",
    ),
    404: (
        "This link does not work",
        "It may have been cut off on its way, or what it led to is gone.",
    ),
    413: ("That is too much", "What was sent is larger than this page accepts."),
    429: ("One moment, please", "There were too many tries from here. Please try again in {wait}."),
    500: ("Something went wrong", "It has been logged. Please try again in a few minutes."),
}


def page(template: str, *, code: int = 200, **values: Any) -> Response:
    """A page of templates/public/, with the workspace's name and postal address."""
    workspace = load_workspace()
    return _rendered(
        template,
        code,
        workspace_name=workspace.name,
        postal_address=workspace.postal_address,
        **values,
    )


def private(response: Response) -> Response:
    """Mark the answer to a personal link: no search engine, no referrer with the token in it."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def visitor() -> Visitor:
    """Who sits before the page, as far as a proof of consent needs it."""
    return Visitor(
        ip=request.remote_addr or "",
        user_agent=clean_user_agent(request.headers.get("User-Agent", "")),
    )


def handle_errors(blueprint: Blueprint) -> None:
    """Answer errors of this blueprint in the look and the words of the public pages."""
    blueprint.register_error_handler(HTTPException, _http_error)
    # Not every error of the database: the app answers values out of range.
    for kind in (OperationalError, InterfaceError, PoolTimeoutError, RedisError):
        blueprint.register_error_handler(kind, _server_is_away)


def _http_error(error: HTTPException) -> Response | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    title, text = _ERRORS.get(code) or _ERRORS[400 if code < 500 else 500]
    seconds = seconds_to_wait(error)
    answer = _message(code, title, text.format(wait=wait_in_words(seconds or 60)))
    if seconds is not None:
        answer.headers["Retry-After"] = str(seconds)
    return private(answer)


def _server_is_away(error: Exception) -> Response:
    if not is_outage(error):
        raise error
    outages.began("saving" if request.method == "POST" else "pages", error)
    answer = _message(
        503,
        "Back in a moment",
        "Something is being repaired here, so nothing was changed. Please try again in a few"
        " minutes.",
    )
    answer.headers["Retry-After"] = str(int(RETRY_AFTER.total_seconds()))
    return private(answer)


def _message(code: int, title: str, text: str) -> Response:
    """A page of a title and a sentence. Asks the database nothing: it may be what failed."""
    return _rendered("message.html", code, title=title, text=text)


def _rendered(template: str, code: int, **values: Any) -> Response:
    text = current_app.jinja_env.get_template(f"public/{template}").render(**values)
    return Response(text, status=code, mimetype="text/html")
