"""Lists: create, change, archive, delete; their public sign-up pages."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.audience import lists
from campaigns.audience.fields import definitions
from campaigns.audience.models import AudienceList
from campaigns.audience.segments import references
from campaigns.audience.segments.leaves import Use
from campaigns.campaign.usage import campaigns_using
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.transactional import list_emails
from campaigns.web import list_page
from campaigns.web.counting import counting
from campaigns.web.deletion import Deletion, deletion_page, in_use, quoted
from campaigns.web.page_links import page_links
from campaigns.web.saving import (
    Answer,
    SavedMeanwhileError,
    locked_or_404,
    or_404,
    seen_again,
    seen_of,
)
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext, sentence
from campaigns.wording.catalog import languages

bp = Blueprint("lists", __name__)


@bp.get("/lists")
@access("user")
def index() -> str:
    is_archived = request.args.get("show") == "archived"
    page = lists.page(
        is_archived=is_archived,
        before=request.args.get("before"),
        after=request.args.get("after"),
    )
    shown = {"show": "archived"} if is_archived else {}
    previous, following = page_links("lists.index", page, **shown)
    with counting() as counts:
        figures = counts.lists([entry.id for entry in page.rows])
    return render_template(
        "web/lists/index.html",
        lists=page.rows,
        is_archived=is_archived,
        has_archived=is_archived or lists.has_archived(),
        figures=figures,
        as_of=counts.as_of,
        previous=previous,
        following=following,
    )


@bp.route("/lists/new", methods=["GET", "POST"])
@access("user")
def new() -> Answer:
    if request.method != "POST":
        return render_template("web/lists/form.html", entry=None, form={}, **_form_fields(None))
    try:
        with transaction():
            entry = lists.create(
                request.form.get("name", ""),
                description=request.form.get("description", ""),
                is_public="is_public" in request.form,
                now=utcnow(),
            )
            _set_language(entry.id)
            definitions.set_fields_of_form(entry.id, request.form.getlist("field"))
            public_id = entry.public_id
    except lists.ListError as error:
        return _form_again(None, error)
    flash(_("List created. Add or import subscribers next."), "success")
    return redirect(url_for("lists.show", public_id=public_id))


def _form_fields(entry: AudienceList | None) -> dict[str, Any]:
    """Return all fields, and those that the sign-up form of a list asks for."""
    asked = definitions.fields_of_form(entry.id) if entry else []
    return {"fields": definitions.all_fields(), "asked": [field.public_id for field in asked]}


def _set_language(list_id: int) -> None:
    """Store the language chosen in the form, which has this field if there are several."""
    language = request.form.get("language", "")
    if language in languages():
        lists.set_language(list_id, language)


@bp.get("/lists/<public_id>")
@access("user")
def show(public_id: str) -> str:
    entry = or_404(AudienceList, public_id)
    with counting() as counts:
        parts = list_page.parts(counts, entry, now=utcnow())
    return render_template(
        "web/lists/show.html",
        entry=entry,
        as_of=counts.as_of,
        signup_url=_signup_url(entry),
        own_emails=list_emails.of_list(entry.id),
        **parts,
    )


@bp.post("/lists/<public_id>/archive")
@access("user")
def archive(public_id: str) -> Response:
    entry = or_404(AudienceList, public_id)
    error = ""
    try:
        with transaction():
            error = in_use(campaigns_using(Use("list", entry.id)))
            if not error:
                lists.archive(entry.id, now=utcnow())
    except lists.ListError as refused:
        error = sentence(refused.reason)
    flash(error or _("List archived"), "danger" if error else "success")
    return redirect(url_for("lists.show", public_id=public_id))


@bp.post("/lists/<public_id>/unarchive")
@access("user")
def unarchive(public_id: str) -> Response:
    entry = or_404(AudienceList, public_id)
    with transaction():
        lists.unarchive(entry.id)
    flash(_("List unarchived"), "success")
    return redirect(url_for("lists.show", public_id=public_id))


@bp.route("/lists/<public_id>/edit", methods=["GET", "POST"])
@access("user")
def edit(public_id: str) -> Answer:
    entry = or_404(AudienceList, public_id)
    if request.method != "POST":
        return render_template(
            "web/lists/form.html",
            entry=entry,
            form=_stored(entry),
            seen=seen_of(_stored(entry)),
            signup_url=_signup_url(entry),
            **_form_fields(entry),
        )
    try:
        with transaction():
            entry = locked_or_404(AudienceList, public_id, _stored)
            lists.change(
                entry.id,
                name=request.form.get("name", ""),
                description=request.form.get("description", ""),
                is_public="is_public" in request.form,
            )
            _set_language(entry.id)
            definitions.set_fields_of_form(entry.id, request.form.getlist("field"))
    except lists.ListError as error:
        return _form_again(or_404(AudienceList, public_id), error)
    except SavedMeanwhileError:
        return _form_again(or_404(AudienceList, public_id), None)
    flash(_("Changes saved"), "success")
    return redirect(url_for("lists.show", public_id=public_id))


def _stored(entry: AudienceList) -> dict[str, Any]:
    """Return what the form contains."""
    return {
        "name": entry.name,
        "description": entry.description,
        "is_public": entry.is_public,
        "language": entry.language,
        "fields": sorted(field.public_id for field in definitions.fields_of_form(entry.id)),
    }


@bp.route("/lists/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete(public_id: str) -> Answer:
    """Ask for the list's name to be typed, as a list may have taken years to build."""
    entry = or_404(AudienceList, public_id)
    if request.method != "POST":
        return _delete_page(entry)
    if request.form.get("confirm", "").strip() != entry.name:
        return _delete_page(
            entry, error=_("The name does not match. Type the name of the list exactly as shown.")
        ), 422
    try:
        with transaction():
            if not _kept_because(entry):
                lists.delete(entry.id)
                flash(_("List deleted"), "success")
                return redirect(url_for("lists.index"))
    except lists.ListError as error:
        return _delete_page(or_404(AudienceList, public_id), error=sentence(error.reason)), 422
    return _delete_page(or_404(AudienceList, public_id)), 422


def _delete_page(entry: AudienceList, error: str = "") -> str:
    figures = lists.figures([entry.id])[entry.id]
    people = figures.subscribed + figures.pending + figures.unsubscribed
    page = Deletion(
        title=_("Delete “%(name)s”", name=entry.name),
        button=_("Delete list"),
        back=url_for("lists.show", public_id=entry.public_id),
        above=[
            (url_for("lists.index"), _("Lists")),
            (url_for("lists.show", public_id=entry.public_id), entry.name),
        ],
        effects=[
            ngettext(
                "%(count)s subscriber is removed from this list. They stay on their other lists.",
                "%(count)s subscribers are removed from this list. They stay on their other lists.",
                people,
            ),
            _("The record of who unsubscribed from this list is deleted."),
            _("The sign-up page stops working. Unsubscribe links in sent emails keep working."),
            _("Reports of campaigns sent to this list stay."),
            _("This cannot be undone."),
        ],
        kept_title=_("This list is in use"),
        kept_because=_kept_because(entry),
        word=entry.name,
        typed=request.form.get("confirm", ""),
        error=error,
    )
    return deletion_page(page)


def _kept_because(entry: AudienceList) -> str:
    """Return why the list cannot be deleted: a campaign or a segment needs it; or ""."""
    use = Use("list", entry.id)
    campaigns, segments = campaigns_using(use), references.segments_using(use)
    if campaigns or not segments:
        return in_use(campaigns)
    names = quoted([segment.name for segment in segments])
    return _("These segments use it: %(names)s. Change or delete them first.", names=names)


def _form_again(entry: AudienceList | None, error: lists.ListError | None) -> tuple[str, int]:
    """Show the form as typed: with an error, or because someone else saved first."""
    page = render_template(
        "web/lists/form.html",
        entry=entry,
        form=request.form,
        error=sentence(error.reason) if error else "",
        error_field=error.field if error else "",
        seen=(seen_again if error else seen_of)(_stored(entry)) if entry else "",
        is_conflict=error is None,
        signup_url=_signup_url(entry) if entry else "",
        fields=definitions.all_fields(),
        asked=request.form.getlist("field"),
    )
    return page, 422 if error else 409


def _signup_url(entry: AudienceList) -> str:
    return f"{services().settings.base_url.rstrip('/')}/s/{entry.public_id}"
