"""create_app: the pages on top of the core; the only place where all parts are assembled."""

import uuid
from typing import Any, Literal

import structlog
from flask import Flask, Response, current_app, flash, g, make_response, redirect, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_babel import Babel, lazy_gettext
from flask_babel import gettext as _
from flask_login import LoginManager
from flask_wtf.csrf import CSRFError
from redis.exceptions import RedisError
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix

from campaigns import methods, public, web
from campaigns.access import declared_access, enforce
from campaigns.config import Settings, load_settings
from campaigns.core import create_core
from campaigns.db import db, is_disk_full
from campaigns.outages import describe, is_outage, outages
from campaigns.requests import CheckedRequest, UnknownHostError, check_host, check_path_and_query
from campaigns.web import (
    compression,
    feedback_labels,
    script_tags,
    static_files,
    template_helpers,
    words,
)
from campaigns.web import login as login_pages
from campaigns.web.csrf import MaskedCSRFProtect
from campaigns.web_limits import limiter, seconds_to_wait, wait_in_words
from campaigns.wording import catalog

log = structlog.get_logger()

MAX_REQUEST_BYTES = 2 * 1024 * 1024
"""Size limit of every request except uploads, which stream and set their own limit."""
PUBLIC_REQUEST_BYTES = 64 * 1024
"""Size limit of public forms: parsing 2 MB of percent signs takes more than a second."""

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def create_app(settings: Settings | None = None) -> Flask:
    """Create the web application. Settings come from the environment unless given."""
    settings = settings or load_settings()
    app = create_core(settings)
    app.session_interface = _Sessions()
    app.config.update(
        SECRET_KEY=settings.keys[0],
        SECRET_KEY_FALLBACKS=list(settings.keys[1:]),
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_REQUEST_BYTES,
        SESSION_COOKIE_NAME="campaigns",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https:"),
        PERMANENT_SESSION_LIFETIME=14 * 86_400,
        WTF_CSRF_TIME_LIMIT=None,  # the token is valid as long as the session
        RATELIMIT_STORAGE_URI=_limiter_storage(settings),
        RATELIMIT_STORAGE_OPTIONS={"socket_connect_timeout": 1, "socket_timeout": 1},
        RATELIMIT_STRATEGY="fixed-window",
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_HEADERS_ENABLED=False,
        RATELIMIT_KEY_PREFIX="campaigns:limits",
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.url_value_preprocessor(_limit_public_forms)
    methods.enforce(app)
    app.request_class = CheckedRequest
    limiter.init_app(app)
    _set_up_translations(app)
    _set_up_login(app)
    app.before_request(check_host)
    app.before_request(check_path_and_query)
    enforce(app)  # before CSRF checks, so that logged-out users are sent to the login
    csrf = MaskedCSRFProtect(app)
    for blueprint in web.BLUEPRINTS:
        app.register_blueprint(blueprint)
    for blueprint in public.BLUEPRINTS:
        csrf.exempt(blueprint)  # these pages have no session and no cookies; links are signed
        app.register_blueprint(blueprint)
    static_files.register(app)
    script_tags.register(app)
    template_helpers.register(app)
    words.register(app)
    feedback_labels.register(app)
    compression.register(app)
    app.after_request(_security_headers)
    app.after_request(_content_language)
    app.after_request(_note_working)
    _set_up_errors(app)
    return app


class _Sessions(SecureCookieSessionInterface):
    """Limits sessions to the pages behind login: links in emails do not renew the cookie.

    Nor do static files: a cache may serve one person's response to others, and `Vary: Cookie` would
    prevent caching.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        is_for_all = request.endpoint == "static" or (request.blueprint or "").startswith("public_")
        if not is_for_all:
            super().save_session(app, session, response)

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Return whether the response renews the cookie; parts of a page only if it changed.

        A poll answered late would overwrite a newer cookie: messages would be shown twice or lost.
        """
        if request.headers.get("HX-Request"):
            return session.modified
        return super().should_set_cookie(app, session)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether to mark the cookie as secure, also if only the proxy knows about https."""
        return super().get_cookie_secure(app) or request.is_secure


def _limiter_storage(settings: Settings) -> str:
    url = settings.redis_connection_url
    return f"redis+{url}" if url.startswith("unix:") else url


def _set_up_translations(app: Flask) -> None:
    Babel(
        app,
        default_locale=catalog.DEFAULT_LOCALE,
        default_translation_directories=str(catalog.DIRECTORY),
        locale_selector=_language,
    )
    app.jinja_env.policies["ext.i18n.trimmed"] = True


def _language() -> str:
    """Return the language of this request; pages for recipients use that of their list."""
    language: str = g.get("language") or catalog.DEFAULT_LOCALE
    return language


def _set_up_login(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = "basic"
    manager.user_loader(login_pages.load_user)
    app.after_request(login_pages.note_activity)


def _content_language(response: Response) -> Response:
    """Name the language of a page that has not named its own."""
    if response.mimetype == "text/html" and not response.location:
        response.headers.setdefault("Content-Language", template_helpers.language_tag())
    return response


def _security_headers(response: Response) -> Response:
    add_security_headers(response, is_secure=request.is_secure)
    return response


def add_security_headers(response: Response, *, is_secure: bool) -> None:
    """Add the default security headers to a response, unless it has its own."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CSP)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers.setdefault("Cache-Control", "no-store")


def _limit_public_forms(endpoint: str | None, _: dict[str, Any] | None) -> None:
    view = current_app.view_functions.get(endpoint or "")
    if view is not None and declared_access(view) == "public":
        request.max_content_length = PUBLIC_REQUEST_BYTES


def max_body_bytes(app: Flask, environ: dict[str, Any]) -> int:
    """Return the size limit of this request's body, without reading it.

    Views raise the limit in a `url_value_preprocessor`, which runs before anything reads the form.
    """
    with app.request_context(environ):
        for name in (None, *request.blueprints):
            for allow in app.url_value_preprocessors.get(name, ()):
                allow(request.endpoint, request.view_args)
        return request.max_content_length or MAX_REQUEST_BYTES


def _set_up_errors(app: Flask) -> None:
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(MethodNotAllowed, _wrong_method)
    app.register_error_handler(HTTPException, _http_error)
    # For the operator, also on pages for recipients.
    app.register_error_handler(UnknownHostError, _http_error)
    app.register_error_handler(DataError, _out_of_range)  # PostgreSQL
    app.register_error_handler(SQLAlchemyError, _server_away)
    for kind in (IntegrityError, ObjectDeletedError, StaleDataError):
        app.register_error_handler(kind, _someone_was_first)
    app.register_error_handler(RedisError, _server_away)
    app.register_error_handler(OSError, _server_away)  # a full disk
    app.register_error_handler(OverflowError, _out_of_range)  # SQLite's driver, and Python's dates


def _out_of_range(error: Exception) -> ResponseReturnValue:
    """Handle a value that the database or its driver refused: nothing was saved."""
    log.warning("a value in a request was out of range", path=request.path, error=str(error)[:300])
    return _error_page(
        400, _("Value out of range"), _("Correct the number or date, then try again.")
    )


_DELETIONS = {
    "campaigns.delete",
    "lists.delete",
    "subscribers.delete",
    "imports.discard",
    "media.delete",
    "templates.delete",
    "saved_content.delete_block",
    "saved_content.delete_snippet",
}


def _someone_was_first(error: Exception) -> ResponseReturnValue:
    """Handle concurrent requests for the same change, such as a double click: show the result."""
    if request.method != "POST":
        raise error
    log.warning("another request was first", path=request.path, error=describe(error))
    if request.accept_mimetypes.best == "application/json":
        return _error_page(409, _("Already changed"), _("Someone else changed this first."))
    return _to_section(_("This was already done, or someone else changed it first."))


def _to_section(said: str) -> ResponseReturnValue:
    """Redirect to the section's overview, which exists even if the item does not."""
    flash(said, "info")
    section = "/" + request.path.split("/")[1]
    routes = current_app.create_url_adapter(request)
    assert routes is not None  # noqa: S101 (there is a request)
    return redirect(section if routes.test(section, "GET") else "/")


RETRY_AFTER_SECONDS = 30


def _server_away(error: Exception) -> ResponseReturnValue:
    """Handle an outage of a server or a full disk: show a page, and log each outage once."""
    if not is_outage(error):
        raise error
    outages.began(_part(), error)
    if is_disk_full(error):
        return _error_page(507, *_ERRORS[507])
    answer = make_response(_error_page(503, *_AWAY))
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _part() -> str:
    """Return the failed part of the product: with a full disk, only writes fail."""
    return "saving" if request.method == "POST" else "pages"


def _note_working(response: Response) -> Response:
    # There is a session if this request has used the database.
    if response.status_code < 500 and db.session.registry.has():
        outages.over(_part())
    return response


_AWAY = (
    lazy_gettext("Temporarily unavailable"),
    lazy_gettext("A server that this page needs cannot be reached. Try again in a minute."),
)


def _csrf_error(error: CSRFError) -> ResponseReturnValue:
    title = _("This page was open for too long")
    return _error_page(400, title, _("Reload it and try again."))


def _wrong_method(error: MethodNotAllowed) -> ResponseReturnValue | HTTPException:
    """Handle a GET of a POST-only URL, after reload, back or a new login: show the form's page."""
    if request.method not in {"GET", "HEAD"}:
        return _http_error(error)
    return redirect(_page_above(request.path))


def _page_above(path: str) -> str:
    """Return the nearest page above this URL. Forms post to URLs below their page."""
    routes = current_app.create_url_adapter(request)
    assert routes is not None  # noqa: S101 (there is a request)
    while path := path.rpartition("/")[0]:
        if routes.test(path, "GET"):
            return path
    return "/"


_ERRORS = {
    400: (
        lazy_gettext("Malformed request"),
        lazy_gettext("The request could not be read. Reload the page and try again."),
    ),
    403: (lazy_gettext("Not allowed"), lazy_gettext("You do not have access to this page.")),
    404: (
        lazy_gettext("Page not found"),
        lazy_gettext("The address may be mistyped, or the page has been deleted."),
    ),
    405: (
        lazy_gettext("Not possible here"),
        lazy_gettext("This address cannot be used in this way."),
    ),
    413: (
        lazy_gettext("Too large"),
        lazy_gettext("The form or file is too large. Shorten it, or choose a smaller file."),
    ),
    500: (
        lazy_gettext("Something went wrong"),
        lazy_gettext("The error has been logged. Nothing that was saved is lost."),
    ),
    503: (lazy_gettext("Busy"), lazy_gettext("The server is busy. Try again in a moment.")),
    507: (
        lazy_gettext("The disk is full"),
        lazy_gettext(
            "This could not be saved. Free some space on the server, then try again."
            " Nothing is lost."
        ),
    ),
}


def _http_error(error: HTTPException) -> ResponseReturnValue | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    if code == 404 and request.method == "POST" and request.endpoint in _DELETIONS:
        return _to_section(_("This has already been deleted."))
    if is_disk_full(getattr(error, "original_exception", None)):
        code = 507
    title, text = _ERRORS.get(code, (error.name, error.description or ""))
    if isinstance(error, UnknownHostError):
        title, text = error.name, error.description
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        number = uuid.uuid4().hex[:8]
        # Flask has just logged the traceback; this line adds the reference shown to the user.
        log.error("the error above was shown to a user", number=number, path=request.path)
        text = _(
            "The error has been logged as number %(number)s. Nothing that was saved is lost.",
            number=number,
        )
    seconds = seconds_to_wait(error)
    if code == 429:
        title = _("Too many attempts")
        text = _("Try again in %(duration)s.", duration=wait_in_words(seconds or 60))
    # Under an unknown host name every page is refused.
    is_unknown_host = isinstance(error, UnknownHostError)
    answer = make_response(
        _error_page(code, title, text, button="none" if is_unknown_host else "home")
    )
    if seconds is not None:
        answer.headers["Retry-After"] = str(seconds)
    return answer


Button = Literal["home", "again", "none"]


def _error_page(
    code: int, title: str, text: str, *, button: Button = "home"
) -> ResponseReturnValue:
    if request.accept_mimetypes.best == "application/json":  # a script shows the message
        return {"message": f"{title}. {text}"}, code
    can_reload = code in {429, 503} and request.method in {"GET", "HEAD"}
    return error_html(code, title, text, button="again" if can_reload else button), code


def error_html(code: int, title: str, text: str, *, button: Button = "home") -> str:
    """Render an error page. Needs no login and no database, which may be the cause."""
    template = current_app.jinja_env.get_template("error.html")
    return template.render(code=code, title=title, text=text, button=button)
