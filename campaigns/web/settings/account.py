"""One's own account: name, address, password."""

import secrets
from collections.abc import Mapping

from flask import flash, redirect, render_template, request, url_for
from flask_login import current_user

from campaigns.access import access
from campaigns.accounts import service
from campaigns.accounts.models import User
from campaigns.accounts.texts import InvalidInputError
from campaigns.addresses import normalise
from campaigns.db import db, transaction
from campaigns.limits import limiter
from campaigns.web.login import start_session
from campaigns.web.settings.blueprint import Answer, bp

WRONG = "This is not your password."


def _user_key() -> str:
    return f"password:{current_user.user_id}"


@bp.route("/settings/account", methods=["GET", "POST"])
@access("user")
@limiter.limit("10 per 15 minutes", methods=["POST"], key_func=_user_key)
def account() -> Answer:
    """Name and address. Another address to log in with asks for the password."""
    user = _user()
    if request.method != "POST":
        return _page(user)
    form = request.form
    address = form.get("address", "")
    is_same_address = normalise(address) == user.address_normal
    if not is_same_address and not _knows_password(user, form.get("password", "")):
        return _page(user, form, {"password": WRONG}), 422
    try:
        with transaction():
            service.change_profile(_user(), name=form.get("name", ""), address=address)
    except InvalidInputError as error:
        return _page(_user(), form, error.problems), 422
    flash("Saved.", "success")
    return redirect(url_for("settings.account"))


@bp.post("/settings/account/password")
@access("user")
@limiter.limit("10 per 15 minutes", key_func=_user_key)
def change_password() -> Answer:
    """A new password ends every session but this one."""
    user = _user()
    form = request.form
    new, again = form.get("new_password", ""), form.get("new_password_again", "")
    if not _knows_password(user, form.get("old_password", "")):
        return _page(user, None, {"old_password": WRONG}), 422
    if not secrets.compare_digest(new.encode(), again.encode()):
        return _page(user, None, {"new_password_again": "The two passwords differ."}), 422
    try:
        with transaction():
            user = _user()
            service.set_password(user, new)
    except service.AccountError as error:
        return _page(_user(), None, {"new_password": str(error)}), 422
    start_session(user)
    flash("The new password is set. Every other session of yours has ended.", "success")
    return redirect(url_for("settings.account"))


def _user() -> User:
    return db.session.get_one(User, current_user.user_id)


def _knows_password(user: User, password: str) -> bool:
    return service.verify(user.address, password) is not None


def _page(
    user: User, form: Mapping[str, str] | None = None, problems: dict[str, str] | None = None
) -> str:
    return render_template(
        "web/settings/account.html",
        tab="account",
        form=form or {"name": user.name, "address": user.address},
        problems=problems or {},
        least=service.MIN_PASSWORD_LENGTH,
    )
