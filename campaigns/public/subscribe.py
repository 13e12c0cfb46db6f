"""The public sign-up page of a list, and its confirmation (double opt-in).

The response to a sign-up is the same for everyone, so it does not reveal subscribers. Only the POST
of the confirmation page confirms; programs that follow links change nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _

from campaigns.access import access
from campaigns.accounts.workspace import load_workspace
from campaigns.addresses import InvalidAddressError
from campaigns.audience.fields import controls, definitions, values
from campaigns.audience.fields.controls import FieldControl
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.models import AudienceList
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.public.pages import (
    evidence,
    handle_errors,
    page,
    private,
    sentence,
    speak,
    speak_as_list,
)
from campaigns.self_service import signup
from campaigns.tokens import BadTokenError, ConfirmRef
from campaigns.web_limits import limiter

bp = Blueprint("public_subscribe", __name__)

SIGN_UP_BUTTON = lazy_gettext("Sign up")
CONFIRM_BUTTON = lazy_gettext("Confirm subscription")
HONEYPOT = "website"
"""A hidden field, which bots fill in."""
MAX_NAME_LENGTH = 200


def _speak() -> None:
    """Speak the language of the list that this request is about."""
    named = request.view_args or {}
    if "public_id" in named:
        if found := signup.find_public_list(named["public_id"]):
            speak(found.language)
    elif ref := _ref(named.get("token", "")):
        speak_as_list(ref.list_id)


handle_errors(bp, _speak)


def _ref(token: str) -> ConfirmRef | None:
    """Return the content of a confirmation link; None if its signature is invalid."""
    try:
        return ConfirmRef.unpack(services().signer.unsign("confirm", token))
    except BadTokenError:
        return None


def sign_up_wording(list_name: str, workspace_name: str) -> str:
    """Return the exact sentence a person agrees to; stored as proof of consent."""
    if workspace_name:
        message = _(
            "I want to receive “%(list)s” from %(sender)s by email. I can unsubscribe at any time"
            " using the link in every email.",
            list=list_name,
            sender=workspace_name,
        )
    else:
        message = _(
            "I want to receive “%(list)s” by email. I can unsubscribe at any time using the link"
            " in every email.",
            list=list_name,
        )
    return str(message)


@bp.route("/s/<public_id>", methods=["GET", "POST"], strict_slashes=False)
@access("public")
@limiter.limit("10/minute;60/hour", methods=["POST"])
def sign_up(public_id: str) -> Response:
    """Show and handle the sign-up form."""
    found = _public_list(public_id)
    wording = sign_up_wording(found.name, load_workspace().name)
    fields = [Definition.of(field) for field in definitions.fields_of_form(found.id)]
    typed = controls.typed_in(fields, request.form.getlist)
    inputs = [controls.control(one, typed[one.key], str(get_locale())) for one in fields]
    if request.method != "POST":
        return _form(found, wording, inputs)
    address, name = request.form.get("address", ""), request.form.get("name", "")
    if not request.form.get(HONEYPOT):
        given = values.read(fields, typed, is_signup=True)
        problems = {key: sentence(reason) for key, reason in given.problems.items()}
        again: dict[str, Any] = {
            "address": address,
            "name": name,
            "problems": problems,
            "code": 422,
        }
        if problems:
            return _form(found, wording, inputs, **again)
        try:
            _sign_up(found.id, address, name[:MAX_NAME_LENGTH], given.values, wording)
        except InvalidAddressError as error:
            return _form(found, wording, inputs, **again, error=sentence(error.reason))
    target = url_for("public_subscribe.check_your_email", public_id=public_id)
    return Response(status=303, headers={"Location": redirect(target).location})


def _sign_up(
    list_id: int, address: str, name: str, attributes: Mapping[str, Any], wording: str
) -> None:
    if not address.strip():
        raise InvalidAddressError("address.missing")
    with transaction():
        mail_id = signup.sign_up(
            list_id,
            address,
            name=name,
            attributes=attributes,
            evidence=evidence("form", f"{wording} [{SIGN_UP_BUTTON}]"),
        )
    if mail_id is not None:
        services().doorbell.ring("transactional", mail_id)


def _form(
    found: AudienceList,
    wording: str,
    inputs: Sequence[FieldControl],
    *,
    problems: Mapping[str, str] = {},
    address: str = "",
    name: str = "",
    error: str = "",
    code: int = 200,
) -> Response:
    return page(
        "sign_up.html",
        code=code,
        list_name=found.name,
        description=found.description,
        wording=wording,
        inputs=inputs,
        problems=problems,
        button=SIGN_UP_BUTTON,
        honeypot=HONEYPOT,
        max_name_length=MAX_NAME_LENGTH,
        address=address,
        name=name,
        error=error,
    )


@bp.get("/s/<public_id>/check-your-email")
@access("public")
def check_your_email(public_id: str) -> Response:
    """Show the same response to everyone who signed up."""
    found = _public_list(public_id)
    return page("check_your_email.html", list_name=found.name, public_id=found.public_id)


def _public_list(public_id: str) -> AudienceList:
    found = signup.find_public_list(public_id)
    if found is None:
        abort(404)
    speak(found.language)
    return found


def confirm_wording(list_name: str) -> str:
    """Return the question on the confirmation page; stored as proof of consent."""
    return str(_("Do you want to receive “%(list)s” by email?", list=list_name))


@bp.route("/confirm/<token>", methods=["GET", "POST"], strict_slashes=False, merge_slashes=False)
@access("public")
def confirm(token: str) -> Response:
    """Ask on GET, confirm on POST."""
    ref = _ref(token)
    if ref is None:
        abort(404)
    found = db.session.get(AudienceList, ref.list_id)
    if found is None:
        return private(page("confirm.html", code=404, standing="gone"))
    speak(found.language)
    wording = confirm_wording(found.name)
    if request.method == "POST":
        with transaction(durable=True):
            done = signup.confirm(ref, evidence("form", f"{wording} [{CONFIRM_BUTTON}]"))
        if done.mail_id is not None:
            services().doorbell.ring("transactional", done.mail_id)
        standing, just_now = done.before, done.before == "open"
    else:
        standing, just_now = signup.standing(ref, now=utcnow()), False
    return private(
        page(
            "confirm.html",
            code=404 if standing == "gone" else 200,
            standing="done" if just_now else standing,
            just_now=just_now,
            list_name=found.name,
            sign_up_id=found.public_id if found.is_public else "",
            wording=wording,
            button=CONFIRM_BUTTON,
            days=signup.CONFIRM_WITHIN.days,
        )
    )
