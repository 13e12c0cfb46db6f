"""Logging in and out, and the owner's account on the first visit."""

import secrets

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_login import UserMixin, current_user, login_user, logout_user
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.accounts import service
from campaigns.accounts.models import User
from campaigns.addresses import InvalidAddressError, normalise
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.limits import limiter

bp = Blueprint("login", __name__)


class LoggedIn(UserMixin):  # type: ignore[misc]
    """The person behind a session. The epoch in the id ends old sessions at a new password."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.user_id = user.id

    def get_id(self) -> str:
        # The public id: databases give a deleted row's own id again.
        return f"{self.user.public_id}.{self.user.session_epoch}"


def load_user(session_id: str) -> LoggedIn | None:
    """Flask-Login's look-up: the user, if the session is of their current epoch."""
    public_id, _, epoch = session_id.partition(".")
    if not (public_id.isascii() and public_id.isalnum()):
        return None
    user = db.session.scalar(sa.select(User).where(User.public_id == public_id))
    if user is None or str(user.session_epoch) != epoch:
        return None
    return LoggedIn(user)


def start_session(user: User) -> None:
    """Begin a fresh session: nothing of the one before the login survives."""
    session.clear()
    session.permanent = True
    login_user(LoggedIn(user))


def _login_key() -> str:
    return "login:" + normalise(request.form.get("address", ""))[:254]


@bp.route("/login", methods=["GET", "POST"])
@access("public")
@limiter.limit("20/minute", methods=["POST"])
@limiter.limit("10 per 15 minutes", methods=["POST"], key_func=_login_key)
def login() -> str | Response | tuple[str, int]:
    if current_user.is_authenticated:
        return redirect(_next_page())
    if request.method != "POST":
        if not service.has_users():
            return redirect(url_for("login.first_visit"))
        return render_template("web/login.html", address="")
    address = request.form.get("address", "")
    password = request.form.get("password", "")
    user = service.verify(address, password)
    if user is None:
        message = "Address or password is wrong."
        return render_template("web/login.html", address=address, error=message), 422
    with transaction():
        service.record_login(user, password, now=utcnow())
    start_session(user)
    return redirect(_next_page())


def _next_page() -> str:
    """Where to go after the login: a page of ours, never another site's."""
    wanted = request.args.get("next", "")
    is_path = wanted.startswith("/") and not wanted.startswith("//")
    # Browsers read a backslash as a slash, and pass over tabs and line breaks.
    is_plain = wanted.isprintable() and "\\" not in wanted
    return wanted if is_path and is_plain else url_for("home.home")


@bp.route("/welcome", methods=["GET", "POST"])
@access("public")
@limiter.limit("20/minute", methods=["POST"])
def first_visit() -> str | Response | tuple[str, int]:
    """Create the owner's account. Closed as soon as there is one."""
    if service.has_users():
        return redirect(url_for("login.login"))
    if request.method != "POST":
        return render_template("web/first_visit.html", form={})
    form = request.form
    try:
        if not secrets.compare_digest(
            form.get("password", "").encode(), form.get("password_again", "").encode()
        ):
            raise service.AccountError("The two passwords differ.")
        with transaction():
            user = service.create_first_user(
                form.get("address", ""),
                form.get("password", ""),
                name=form.get("name", ""),
                workspace_name=form.get("workspace", ""),
                now=utcnow(),
            )
    except service.AlreadySetUpError:  # somebody was quicker
        return redirect(url_for("login.login"))
    except (service.AccountError, InvalidAddressError) as error:
        return render_template("web/first_visit.html", form=form, error=str(error)), 422
    start_session(user)
    flash("Welcome! Your account is ready.", "success")
    return redirect(url_for("home.home"))


@bp.post("/logout")
@access("user")
def logout() -> Response:
    logout_user()
    session.clear()
    return redirect(url_for("login.login"))
