"""Unsubscribe by one-click POST, or on a page with one button.

Email clients POST `List-Unsubscribe=One-Click` without cookies, session or login and must not be
redirected. So any POST here unsubscribes, in any encoding, unless it asks for something else. GET,
HEAD and OPTIONS change nothing.
"""

from functools import partial

from flask import Blueprint, Response, abort, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from campaigns.access import access
from campaigns.audience.consent import ConsentEvidence
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.public.pages import (
    delivery_of_link,
    evidence,
    handle_errors,
    language_tag,
    page,
    private,
    speak_as_list,
    speak_as_list_of_link,
)
from campaigns.self_service import unsubscribe as leaving
from campaigns.tokens import DeliveryRef
from campaigns.web_limits import limiter

bp = Blueprint("public_unsubscribe", __name__)

LEAVE_BUTTON = lazy_gettext("Unsubscribe")
EVERYTHING_BUTTON = lazy_gettext("Unsubscribe from all lists")
UNDO_BUTTON = lazy_gettext("Subscribe again")


handle_errors(bp, partial(speak_as_list_of_link, "unsubscribe"))


def _is_no_undo() -> bool:
    return delivery_of_link("unsubscribe") is None or request.form.get("action") != "undo"


def _person() -> str:
    """Return the key that limits resubscribing, as each change of consent stores a proof."""
    ref = delivery_of_link("unsubscribe")
    return f"undo:{ref.subscriber_id if ref else 0}"


@bp.route("/u/<token>", methods=["GET", "POST"], strict_slashes=False, merge_slashes=False)
@access("public")
@limiter.limit("10/hour", methods=["POST"], key_func=_person, exempt_when=_is_no_undo)
def unsubscribe(token: str) -> Response:
    """Show the page of an unsubscribe link, and handle its POSTs."""
    ref = delivery_of_link("unsubscribe")
    if ref is None:
        abort(404)
    speak_as_list(ref.list_id)
    if not ref.subscriber_id:
        return private(page("preview_link.html"))
    if request.method != "POST":
        return _page(ref, "")
    if request.form.get("List-Unsubscribe") == "One-Click" or not request.form.get("action"):
        _leave(ref, evidence("one_click"))
        answer = Response(_("You are unsubscribed.") + "\n", mimetype="text/plain")
        answer.headers["Content-Language"] = language_tag()
        return private(answer)
    if request.form["action"] == "undo":
        return _page(ref, "back" if _come_back(ref) else "")
    everything = request.form["action"] == "everything" or "everything" in request.form
    button = EVERYTHING_BUTTON if everything else LEAVE_BUTTON
    _leave(ref, evidence("page", f"[{button}]"), everything=everything)
    return _page(ref, "left")


def _leave(ref: DeliveryRef, proof: ConsentEvidence, *, everything: bool = False) -> None:
    with transaction(durable=True):
        leaving.leave(ref, proof, everything=everything)


def _come_back(ref: DeliveryRef) -> bool:
    with transaction(durable=True):
        back = leaving.resubscribe(ref, evidence("page", f"[{UNDO_BUTTON}]"))
    return bool(back)


def _page(ref: DeliveryRef, done: str) -> Response:
    """Show the current state. The same for people who left long ago and unknown ones."""
    return private(
        page(
            "unsubscribe.html",
            done=done,
            places=[place.name for place in leaving.places(ref)],
            others=[place.name for place in leaving.other_places(ref)],
            left=[place.name for place in leaving.recently_left(ref, now=utcnow())],
            leave_button=LEAVE_BUTTON,
            everything_button=EVERYTHING_BUTTON,
            undo_button=UNDO_BUTTON,
        )
    )
