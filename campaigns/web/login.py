"""Log in and out, and create the owner's account on the first visit."""

import secrets
from collections.abc import Mapping

import structlog
from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask import Response as FlaskResponse
from flask_babel import gettext as _
from flask_login import UserMixin, current_user, login_user, logout_user
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from campaigns.access import access, declared_access
from campaigns.accounts import sessions, setup, users
from campaigns.accounts.models import LoginSession, User
from campaigns.addresses import InvalidAddressError
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.web.attempts import (
    Attempts,
    BusyError,
    TooManyFailuresError,
    guarded,
    remember_device,
)
from campaigns.web.words import sentence
from campaigns.web_limits import limiter, network_of

log = structlog.get_logger()
bp = Blueprint("login", __name__)


class LoggedIn(UserMixin):  # type: ignore[misc]
    """The user of a session, and its record."""

    def __init__(self, token: str, user: User, record: LoginSession) -> None:
        self._token = token
        self.user, self.user_id = user, user.id
        self.session_id, self.session_public_id = record.id, record.public_id
        self.last_seen_at = record.last_seen_at

    def get_id(self) -> str:
        """Return the value for the session cookie."""
        return self._token


def load_user(token: str) -> LoggedIn | None:
    """Load the user of a session for Flask-Login, while the session lasts."""
    found = sessions.find(token, now=utcnow())
    if found is None:
        return None
    record, user = found
    return LoggedIn(token, user, record)


def start_session(user: User) -> None:
    """Begin a new session, in a transaction: nothing of the anonymous session is kept."""
    now = utcnow()
    token = sessions.start(
        user.id,
        network=network_of(request.remote_addr or "", ipv4_bits=24, ipv6_bits=48),
        user_agent=request.headers.get("User-Agent", ""),
        now=now,
    )
    found = sessions.find(token, now=now)
    assert found is not None  # noqa: S101 (it has just been made)
    session.clear()
    session.permanent = True
    login_user(LoggedIn(token, user, found[0]))


def note_activity(response: FlaskResponse) -> FlaskResponse:
    """Extend the session after a change. Reading pages writes nothing."""
    if request.method != "POST" or response.status_code >= 400 or not _is_behind_login():
        return response
    if current_user.is_authenticated:
        now = utcnow()
        if now - current_user.last_seen_at >= sessions.SEEN_EVERY:
            try:
                with transaction():
                    sessions.touch(current_user.session_id, now=now)
            except SQLAlchemyError as error:  # the request itself succeeded; this can wait
                log.warning("the activity of a session could not be noted", error=str(error))
    return response


def _is_behind_login() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return view is not None and declared_access(view) == "user"


@bp.route("/login", methods=["GET", "POST"])
@access("public")
def login() -> str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    if current_user.is_authenticated:
        return redirect(_next_page())
    if request.method != "POST":
        if not users.has_users():
            return redirect(url_for("login.first_visit"))
        return render_template("web/login.html", address="")
    address = request.form.get("address", "")
    password = request.form.get("password", "")
    attempts = Attempts(address)
    try:
        attempts.check()
        user = guarded(lambda: users.verify(address, password, before=attempts.begin))
    except (TooManyFailuresError, BusyError) as error:
        page = render_template("web/login.html", address=address, error=error.description)
        return page, error.code, {"Retry-After": str(error.retry_after)}
    if user is None or not _enter(user, password):
        wrong = _("The email address or password is wrong.")
        return render_template("web/login.html", address=address, error=wrong), 422
    attempts.succeeded()
    answer = redirect(_next_page())
    remember_device(answer, user.address)  # type: ignore[arg-type]
    return answer


def _enter(user: User, password: str) -> bool:
    """Begin the session. False if the password was changed since it was checked."""
    checked = user.password_hash
    renewed = users.renewed_hash(user, password)
    with transaction():
        now_stored = db.session.get(User, user.id, with_for_update=True, populate_existing=True)
        if now_stored is None or now_stored.password_hash != checked:
            return False
        users.record_login(now_stored, renewed, now=utcnow())
        start_session(now_stored)
    return True


def _next_page() -> str:
    """Return the page to show after the login, never on another site."""
    wanted = request.args.get("next", "")
    is_path = wanted.startswith("/") and not wanted.startswith("//")
    # Browsers treat a backslash as a slash, and ignore tabs and line breaks.
    is_plain = wanted.isprintable() and "\\" not in wanted
    return wanted if is_path and is_plain else url_for("home.home")


@bp.route("/welcome", methods=["GET", "POST"])
@access("public")
@limiter.limit("20/minute", methods=["POST"])
def first_visit() -> Response | FlaskResponse:
    """Create the owner's account. Unavailable once there is one."""
    if users.has_users():
        return redirect(url_for("login.login"))
    if request.method != "POST":
        return _welcome({"token": request.args.get("token", "")})
    form = request.form
    if _needs_token() and not setup.is_right(services().signer, form.get("token", "")):
        problem = _("The setup token is wrong. Copy it from the server’s log.")
        return _welcome({**form.to_dict(), "token": ""}, problem, code=403)
    try:
        if not form.get("workspace", "").strip():
            raise users.AccountError("workspace.name_missing")
        if not secrets.compare_digest(
            form.get("password", "").encode(), form.get("password_again", "").encode()
        ):
            raise users.AccountError("account.passwords_differ")
        hashed = guarded(lambda: users.hash_password(form.get("password", "")))
        with transaction():
            user = users.create_first_user(
                form.get("address", ""),
                hashed,
                name=form.get("name", ""),
                workspace_name=form.get("workspace", ""),
                now=utcnow(),
            )
            start_session(user)
    except users.AlreadySetUpError:  # another request was first
        return redirect(url_for("login.login"))
    except BusyError as error:
        return _welcome(form, error.description or "", code=error.code)
    except (users.AccountError, InvalidAddressError) as error:
        return _welcome(form, sentence(error.reason), code=422)
    flash(_("Your account is ready"), "success")
    return redirect(url_for("home.home"))


_FORWARDED = ("Forwarded", "Via", "X-Real-Ip", "X-Forwarded-For", "X-Forwarded-Host")


def _needs_token() -> bool:
    """Return whether the setup token is required, also behind an undeclared proxy."""
    is_forwarded = any(name in request.headers for name in _FORWARDED)
    return is_forwarded or setup.is_token_needed(services().settings)


def _welcome(form: Mapping[str, str], error: str = "", *, code: int = 200) -> FlaskResponse:
    page = render_template(
        "web/first_visit.html",
        form=form,
        error=error,
        needs_token=_needs_token(),
        least=users.MIN_PASSWORD_LENGTH,
    )
    return without_referrer(page, code)


def without_referrer(page: str, code: int = 200) -> FlaskResponse:
    """Suppress the referrer of a page whose URL is secret."""
    answer = FlaskResponse(page, status=code, mimetype="text/html")
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@bp.post("/logout")
@access("user")
def logout() -> Response:
    with transaction():
        sessions.end(current_user.user_id, current_user.session_public_id)
    leave()
    return redirect(url_for("login.login"))


def leave() -> None:
    """End the session in this browser."""
    logout_user()
    session.clear()
