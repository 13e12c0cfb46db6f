"""Forgotten passwords: request a link by email, and set a new password with it.

The response is the same for every address and takes the same time, so it does not reveal who has an
account.
"""

import secrets

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import Response as FlaskResponse
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.accounts import password_resets, users
from campaigns.addresses import InvalidAddressError, parse, without_tag
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.reason import Reason
from campaigns.transactional import account_mail
from campaigns.web.attempts import Attempts, BusyError, guarded
from campaigns.web.login import leave, without_referrer
from campaigns.web.words import sentence
from campaigns.web_limits import limiter

bp = Blueprint("forgotten", __name__)


def _is_malformed() -> bool:
    """Return whether the address is invalid: nothing is sent, so no send limit applies."""
    try:
        parse(request.form.get("address", ""))
    except InvalidAddressError:
        return True
    return False


def _mailbox() -> str:
    return "forgotten:" + without_tag(parse(request.form.get("address", "")).normal)


@bp.route("/forgot", methods=["GET", "POST"])
@access("public")
@limiter.limit("20/minute", methods=["POST"])
@limiter.limit("5/minute;20/hour", methods=["POST"], exempt_when=_is_malformed)
@limiter.limit("5/hour", methods=["POST"], key_func=_mailbox, exempt_when=_is_malformed)
def forgot() -> str | Response | tuple[str, int]:
    """Ask for an address, and send a link to it if it has an account."""
    can_send = account_mail.working_sender() is not None
    if request.method != "POST" or not can_send:
        return render_template("web/forgot.html", address="", can_send=can_send)
    typed = request.form.get("address", "")
    try:
        address = parse(typed).text
    except InvalidAddressError as error:
        page = render_template(
            "web/forgot.html", address=typed, can_send=can_send, error=sentence(error.reason)
        )
        return page, 422
    with transaction():
        mail = account_mail.request_reset(address, now=utcnow())
    services().doorbell.ring("transactional", mail.id)
    return redirect(url_for("forgotten.check_your_email"))


@bp.get("/forgot/sent")
@access("public")
def check_your_email() -> str:
    """Show the same response for everyone."""
    return render_template("web/forgot_sent.html", good_for=password_resets.GOOD_FOR)


@bp.route("/reset/<token>", methods=["GET", "POST"])
@access("public")
@limiter.limit("20/minute", methods=["POST"])
def reset(token: str) -> Response | FlaskResponse:
    """Set a new password. GET shows the form and does not use up the link."""
    user = password_resets.find(token, now=utcnow())
    if user is None:
        return _gone()
    if request.method != "POST":
        return _form(user.address)
    new, again = request.form.get("password", ""), request.form.get("password_again", "")
    if not secrets.compare_digest(new.encode(), again.encode()):
        return _form(user.address, sentence(Reason("account.passwords_differ")))
    try:
        hashed = guarded(lambda: users.hash_password(new))
    except BusyError as error:
        return _form(user.address, error.description or "", code=error.code)
    except users.AccountError as error:
        return _form(user.address, sentence(error.reason))
    with transaction():
        taken = password_resets.take(token, now=utcnow())
        if taken is not None:
            users.set_password(taken, hashed)
            mail = account_mail.password_changed(taken.address, now=utcnow())
    if taken is None:  # another request was first
        return _gone()
    services().doorbell.ring("transactional", mail.id)
    Attempts(taken.address).succeeded()
    leave()
    flash(_("Password changed. Log in with the new password."), "success")
    return redirect(url_for("login.login"))


def _form(address: str, error: str = "", *, code: int = 422) -> FlaskResponse:
    page = render_template(
        "web/reset.html", address=address, error=error, least=users.MIN_PASSWORD_LENGTH
    )
    return without_referrer(page, code if error else 200)


def _gone() -> FlaskResponse:
    return without_referrer(render_template("web/reset_gone.html"), 404)
