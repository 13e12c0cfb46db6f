"""The user's own account: name, address, password, and sessions."""

import secrets
from collections.abc import Mapping

from flask import redirect, render_template, request, url_for
from flask_login import current_user

from campaigns.access import access
from campaigns.accounts import sessions, users
from campaigns.accounts.models import User
from campaigns.addresses import lookup_form
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.reason import Reason
from campaigns.transactional import account_mail
from campaigns.web.attempts import Attempts, BusyError, TooManyFailuresError, guarded
from campaigns.web.login import leave, start_session
from campaigns.web.saving import Answer, done, saving
from campaigns.web.settings.blueprint import bp
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence


@bp.route("/settings/account", methods=["GET", "POST"])
@access("user")
def account() -> Answer:
    """Name and address. Another address to log in with asks for the password."""
    user = _user()
    if request.method != "POST":
        return _page(user)
    form = request.form
    address = form.get("address", "")
    if lookup_form(address) != user.address_normal:
        problem, code = _wrong_password(user, form.get("password", ""))
        if problem:
            return _page(user, form, {"password": problem}), code
    with saving() as problems:
        users.change_profile(_user(), name=form.get("name", ""), address=address)
    if problems:
        return _page(_user(), form, problems), 422
    return done(_("Changes saved"), url_for("settings.account"))


@bp.post("/settings/account/password")
@access("user")
def change_password() -> Answer:
    """A new password ends every session but this one."""
    user = _user()
    form = request.form
    new, again = form.get("new_password", ""), form.get("new_password_again", "")
    problem, code = _wrong_password(user, form.get("old_password", ""))
    if problem:
        return _page(user, None, {"old_password": problem}), code
    if not secrets.compare_digest(new.encode(), again.encode()):
        return _page(
            user, None, {"new_password_again": sentence(Reason("account.passwords_differ"))}
        ), 422
    try:
        hashed = guarded(lambda: users.hash_password(new))
    except BusyError as error:
        return _page(_user(), None, {"new_password": error.description or ""}), error.code
    except users.AccountError as error:
        return _page(_user(), None, {"new_password": sentence(error.reason)}), 422
    with transaction():
        user = _user()
        users.set_password(user, hashed)
        mail = account_mail.password_changed(user.address, now=utcnow())
        start_session(user)
    services().doorbell.ring("transactional", mail.id)
    return done(_("Password changed"), url_for("settings.account"))


@bp.post("/settings/account/sessions/<public_id>/end")
@access("user")
def end_session(public_id: str) -> Answer:
    """Log out one browser, maybe this one."""
    with transaction():
        sessions.end(current_user.user_id, public_id)
    if public_id == current_user.session_public_id:
        leave()
        return redirect(url_for("login.login"))
    return done(_("Session ended"), url_for("settings.account"))


@bp.post("/settings/account/sessions/end")
@access("user")
def end_all_sessions() -> Answer:
    """Log out everywhere, including here."""
    with transaction():
        sessions.end_all(current_user.user_id)
    leave()
    return done(_("Logged out everywhere"), url_for("login.login"))


def _user() -> User:
    return db.session.get_one(User, current_user.user_id)


def _wrong_password(user: User, password: str) -> tuple[str, int]:
    """Return what is wrong with the password that was typed, and the code for the answer."""
    attempts = Attempts(user.address, place=f"session:{current_user.session_public_id}")
    try:
        attempts.check()
        found = guarded(lambda: users.verify(user.address, password, before=attempts.begin))
    except (TooManyFailuresError, BusyError) as error:
        return error.description or "", error.code
    if found is None:
        return _("The password is wrong."), 422
    attempts.succeeded()
    return "", 200


def _page(
    user: User, form: Mapping[str, str] | None = None, problems: dict[str, str] | None = None
) -> str:
    return render_template(
        "web/settings/account.html",
        tab="account",
        form=form or {"name": user.name, "address": user.address},
        problems=problems or {},
        least=users.MIN_PASSWORD_LENGTH,
        sessions=sessions.of_user(user.id, now=utcnow()),
        this_session=current_user.session_public_id,
    )
