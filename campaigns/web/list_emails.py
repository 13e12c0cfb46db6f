"""The emails that a list sends automatically: their wording, with a preview."""

from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.access import access
from campaigns.audience.models import AudienceList
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.inputs import InvalidInputError
from campaigns.self_service import signup
from campaigns.transactional import list_emails
from campaigns.transactional.branded import EmailWording, dress
from campaigns.transactional.list_emails import (
    LIST_EMAIL_KINDS,
    TAGS,
    ListEmailConflictError,
    ListEmailInput,
    ListEmailKind,
)
from campaigns.transactional.plain_mail import EmailText
from campaigns.web.content.canvas import FRAME_CSP
from campaigns.web.saving import Answer, done, or_404, saving
from campaigns.web.words import gettext as _
from campaigns.web.words import in_words

bp = Blueprint("list_emails", __name__)


def _kind(name: str) -> ListEmailKind:
    return next(kind for kind in LIST_EMAIL_KINDS if kind == name)


@bp.route("/lists/<public_id>/emails/<any(confirm,welcome):name>", methods=["GET", "POST"])
@access("user")
def edit(public_id: str, name: str) -> Answer:
    entry, kind = or_404(AudienceList, public_id), _kind(name)
    if request.method != "POST":
        return _form(entry, kind, _typed(entry, kind))
    typed, seen = ListEmailInput.read(request.form), request.form.get("seen", "")
    try:
        with saving() as problems:
            list_emails.save(entry.id, kind, typed, seen=seen, now=utcnow())
    except ListEmailConflictError:
        return _form(or_404(AudienceList, public_id), kind, typed, is_conflict=True), 409
    if problems:
        return _form(or_404(AudienceList, public_id), kind, typed, problems, seen=seen), 422
    return done(_("Changes saved"), url_for("lists.show", public_id=public_id))


@bp.post("/lists/<public_id>/emails/<any(confirm,welcome):name>/reset")
@access("user")
def reset(public_id: str, name: str) -> Answer:
    entry, kind = or_404(AudienceList, public_id), _kind(name)
    with transaction():
        list_emails.reset(entry.id, kind)
    return done(_("Default wording restored"), url_for("lists.show", public_id=public_id))


@bp.get("/lists/<public_id>/emails/<any(confirm,welcome):name>/preview")
@access("user")
def preview(public_id: str, name: str) -> Response:
    """Return the saved email as a document for a frame."""
    entry, kind = or_404(AudienceList, public_id), _kind(name)
    shown = _sample(entry, kind, _wording(entry, kind)).html
    answer = Response(shown, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = FRAME_CSP
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@bp.post("/lists/<public_id>/emails/<any(confirm,welcome):name>/preview")
@access("user")
def preview_of_form(public_id: str, name: str) -> ResponseReturnValue:
    """Return the email in the form, and what is wrong with it. Saves nothing."""
    entry, kind = or_404(AudienceList, public_id), _kind(name)
    typed = ListEmailInput.read(request.form)
    problems: dict[str, str] = {}
    try:
        wording = list_emails.checked_wording(kind, typed)
    except InvalidInputError as error:
        problems = in_words(error.problems)
        return {"html": "", "warnings": list(problems.values())}
    sample = _sample(entry, kind, wording)
    return {"html": sample.html, "subject": sample.subject, "warnings": []}


def _wording(entry: AudienceList, kind: ListEmailKind) -> EmailWording:
    return list_emails.wording_of(entry, kind, days=signup.CONFIRM_WITHIN.days)


def _typed(entry: AudienceList, kind: ListEmailKind) -> ListEmailInput:
    own, wording = list_emails.find(entry.id, kind), _wording(entry, kind)
    return ListEmailInput(
        subject=wording.subject,
        text=wording.text,
        button=wording.button,
        is_on=own is not None and own.is_on,
    )


def _sample(entry: AudienceList, kind: ListEmailKind, wording: EmailWording) -> EmailText:
    """Return the email as an example person gets it. Its links lead nowhere."""
    base_url = services().settings.base_url
    look = dress("", base_url=base_url, language=entry.language)
    values = {
        "list.name": entry.name,
        "sender.name": look.footer.identity,
        "sender.identity": look.footer.identity,
        "subscriber.first_name": _("Alex"),
        "subscriber.name": _("Alex Example"),
        "confirm_url": f"{base_url}/confirm/…",
    }
    return list_emails.shown(kind, wording, values, look, entry, f"{base_url}/u/…")


def _form(
    entry: AudienceList,
    kind: ListEmailKind,
    typed: ListEmailInput,
    problems: dict[str, str] | None = None,
    *,
    seen: str = "",
    is_conflict: bool = False,
) -> str:
    own = list_emails.find(entry.id, kind)
    return render_template(
        "web/lists/email.html",
        entry=entry,
        kind=kind,
        own=own,
        form=typed.model_dump(),
        problems=problems or {},
        seen=seen or list_emails.seen_of(own),
        is_conflict=is_conflict,
        tags=[f"{{{{ {tag} }}}}" for tag in TAGS[kind]],
        **_titles(kind),
    )


def _titles(kind: ListEmailKind) -> dict[str, Any]:
    if kind == "confirm":
        return {
            "title": _("Confirmation email"),
            "explanation": _(
                "Everyone who signs up gets this email, and is subscribed when they confirm."
            ),
        }
    return {
        "title": _("Welcome email"),
        "explanation": _("Sent once, right after someone has confirmed their subscription."),
    }
