"""Shared by all pages for recipients: rendering, consent evidence, errors.

They are rendered without the context of the pages behind login: nothing here may use the session,
so that no response sets a cookie or depends on one.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from flask_babel import get_locale, lazy_gettext, refresh
from flask_babel import gettext as _
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from campaigns import formatting
from campaigns.accounts.workspace import load_workspace
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db
from campaigns.events.tracking import clean_user_agent
from campaigns.outages import is_outage, outages
from campaigns.reason import Reason
from campaigns.tokens import BadTokenError, DeliveryRef, Purpose
from campaigns.web_limits import seconds_to_wait, wait_in_words
from campaigns.wording import Words
from campaigns.wording.catalog import DEFAULT_LOCALE

RETRY_AFTER = timedelta(minutes=2)

_ERRORS = {
    400: (
        lazy_gettext("This request could not be read"),
        lazy_gettext("Open the link again, or copy the whole link from the email."),
    ),
    404: (
        lazy_gettext("This link does not work"),
        lazy_gettext("The link may be incomplete, or its page has been deleted."),
    ),
    413: (
        lazy_gettext("Too large"),
        lazy_gettext("The form or file is too large. Shorten it, or choose a smaller file."),
    ),
    500: (
        lazy_gettext("Something went wrong"),
        lazy_gettext("The error has been logged. Try again in a few minutes."),
    ),
}


def page(template: str, *, code: int = 200, **values: Any) -> Response:
    """Render a page of templates/public/, with the workspace's name and postal address."""
    workspace = load_workspace()
    return _rendered(
        template,
        code,
        workspace_name=workspace.name,
        postal_address=workspace.postal_address,
        **values,
    )


def speak(language: str) -> None:
    """Set the language of this response, such as that of the list."""
    g.language = language
    refresh()


def speak_as_list(list_id: int) -> None:
    """Answer in the language of a list, while it exists."""
    found = db.session.get(AudienceList, list_id) if list_id else None
    if found is not None:
        speak(found.language)


def delivery_of_link(purpose: Purpose) -> DeliveryRef | None:
    """Return the delivery of this request's link; None if the signature is invalid."""
    token = (request.view_args or {})["token"]
    try:
        return DeliveryRef.unpack(services().signer.unsign(purpose, token))
    except BadTokenError:
        return None


def speak_as_list_of_link(purpose: Purpose) -> None:
    """Answer in the language of the list that this request's link is about."""
    if ref := delivery_of_link(purpose):
        speak_as_list(ref.list_id)


def private(response: Response) -> Response:
    """Mark the response to a personal link: no indexing, and no referrer with its token."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def language_tag() -> str:
    """Return the language of this request, as HTML and headers name it."""
    return formatting.language_tag(str(get_locale() or DEFAULT_LOCALE))


def sentence(reason: Reason) -> str:
    """Return a reason of the domain in the visitor's language."""
    return Words(str(get_locale() or DEFAULT_LOCALE)).of(reason)


def evidence(channel: str, wording: str = "") -> ConsentEvidence:
    """Return the evidence of consent in this request."""
    return ConsentEvidence(
        channel,
        utcnow(),
        wording=wording,
        ip=request.remote_addr or "",
        user_agent=clean_user_agent(request.headers.get("User-Agent", "")),
    )


def handle_errors(blueprint: Blueprint, find_language: Callable[[], object] | None = None) -> None:
    """Show errors of this blueprint as public pages.

    `find_language` calls `speak` if it can: rate limits refuse requests before their view does.
    """

    def refuse(error: HTTPException) -> Response | HTTPException:
        if find_language and "language" not in g and (error.code or 500) < 500:
            with suppress(SQLAlchemyError):
                find_language()
        return _http_error(error)

    blueprint.register_error_handler(HTTPException, refuse)
    # Not every database error: the app handles values out of range.
    for kind in (OperationalError, InterfaceError, PoolTimeoutError, RedisError):
        blueprint.register_error_handler(kind, _server_is_away)


def _http_error(error: HTTPException) -> Response | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    seconds = seconds_to_wait(error)
    if code == 429:
        title = _("Too many attempts")
        text = _("Try again in %(duration)s.", duration=wait_in_words(seconds or 60))
    else:
        title, text = _ERRORS.get(code) or _ERRORS[400 if code < 500 else 500]
    answer = _message(code, title, text)
    if seconds is not None:
        answer.headers["Retry-After"] = str(seconds)
    return private(answer)


def _server_is_away(error: Exception) -> Response:
    if not is_outage(error):
        raise error
    outages.began("saving" if request.method == "POST" else "pages", error)
    answer = _message(
        503,
        _("Temporarily unavailable"),
        _("Nothing was changed. Try again in a few minutes."),
    )
    answer.headers["Retry-After"] = str(int(RETRY_AFTER.total_seconds()))
    return private(answer)


def _message(code: int, title: str, text: str) -> Response:
    """Render a title and a sentence, without the database, which may be the cause."""
    return _rendered("message.html", code, title=title, text=text)


def _rendered(template: str, code: int, **values: Any) -> Response:
    text = current_app.jinja_env.get_template(f"public/{template}").render(**values)
    answer = Response(text, status=code, mimetype="text/html")
    answer.headers["Content-Language"] = language_tag()
    return answer
