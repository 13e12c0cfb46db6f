"""What can be done with a template or a starter design."""

from collections.abc import Callable, Mapping

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import drafts, template_copies
from campaigns.clock import utcnow
from campaigns.content.library import templates
from campaigns.content.library.models import Template
from campaigns.content.library.templates import TemplateError
from campaigns.db import transaction
from campaigns.inputs import one_line
from campaigns.web.campaigns.blueprint import campaign_or_404, editor_id
from campaigns.web.campaigns.titles import title_of
from campaigns.web.deletion import Deletion, confirm_and_delete
from campaigns.web.saving import (
    Answer,
    SavedMeanwhileError,
    done,
    locked_or_404,
    seen_again,
    seen_of,
)
from campaigns.web.templates.blueprint import bp, starter_or_404, template_or_404
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence


@bp.post("/templates/<public_id>/use")
@access("user")
def use(public_id: str) -> Response:
    """Create a campaign from a template."""
    with transaction():
        template = template_or_404(public_id)
        campaign = template_copies.campaign_from(template, editor_id=editor_id(), now=utcnow())
    return done(_("Campaign created"), url_for("campaigns.edit", public_id=campaign.public_id))


@bp.post("/templates/starters/<name>/use")
@access("user")
def use_starter(name: str) -> Response:
    """Create a campaign from a starter design."""
    starter = starter_or_404(name)
    with transaction():
        campaign = template_copies.campaign_from_starter(
            starter, editor_id=editor_id(), now=utcnow()
        )
    return done(_("Campaign created"), url_for("campaigns.edit", public_id=campaign.public_id))


@bp.post("/templates/starters/<name>/copy")
@access("user")
def copy_starter(name: str) -> Response:
    """Create a template from a starter design, to change it."""
    starter = starter_or_404(name)
    content = template_copies.starter_content(starter)
    with transaction():
        created = templates.create(
            sentence(starter.title), content, editor_id=editor_id(), now=utcnow()
        )
    return done(_("Template created"), url_for("templates.show", public_id=created.public_id))


@bp.route("/templates/new", methods=["GET", "POST"])
@access("user")
def new() -> Answer:
    """Create an empty template of blocks, and open it."""
    typed = {name: request.form.get(name, "") for name in ("name", "folder")}
    if request.method != "POST":
        return _new_page(name="", folder=request.args.get("folder", "")[: templates.MAX_FOLDER])
    try:
        with transaction():
            created = templates.create(
                typed["name"],
                template_copies.EMPTY,
                folder=typed["folder"],
                editor_id=editor_id(),
                now=utcnow(),
            )
    except TemplateError as error:
        return _new_page(**typed, error=error), 422
    return redirect(url_for("content_editor.edit", owner="templates", public_id=created.public_id))


def _new_page(*, name: str, folder: str, error: TemplateError | None = None) -> str:
    return render_template(
        "web/templates/new.html",
        name=name,
        folder=folder,
        folders=templates.folders(),
        error=sentence(error.reason) if error else "",
        error_field=error.field if error else "",
    )


@bp.route("/templates/<public_id>/details", methods=["GET", "POST"])
@access("user")
def details(public_id: str) -> Answer:
    """Change everything but the content: name, folder, subject and preheader."""
    template = template_or_404(public_id)
    if request.method != "POST":
        return _details_page(public_id, _stored(template))
    typed = {name: request.form.get(name, "") for name in _DETAILS}
    now = utcnow()
    try:
        with transaction():
            locked_or_404(Template, public_id, _stored)
            templates.rename(template.id, typed["name"], now=now)
            templates.move(template.id, typed["folder"], now=now)
            _save_message(template_or_404(public_id), typed)
    except TemplateError as error:
        return _details_page(public_id, typed, error=error), 422
    except SavedMeanwhileError:
        return _details_page(public_id, typed, is_conflict=True), 409
    return done(_("Changes saved"), url_for("templates.show", public_id=public_id))


_DETAILS = ("name", "folder", "subject", "preheader")


def _stored(template: Template) -> dict[str, str]:
    """Return what the form of details contains."""
    return {name: getattr(template, name) for name in _DETAILS}


def _save_message(template: Template, typed: Mapping[str, str]) -> None:
    changes = {name: one_line(typed[name])[: drafts.MAX_LINE] for name in ("subject", "preheader")}
    if any(getattr(template, name) != value for name, value in changes.items()):
        templates.save(template.id, template.version, changes, editor_id=editor_id(), now=utcnow())


def _details_page(
    public_id: str,
    typed: Mapping[str, str],
    *,
    error: TemplateError | None = None,
    is_conflict: bool = False,
) -> str:
    template = template_or_404(public_id)
    return render_template(
        "web/templates/details.html",
        template=template,
        seen=(seen_again if error else seen_of)(_stored(template)),
        is_conflict=is_conflict,
        typed=typed,
        most=drafts.MAX_LINE,
        folders=templates.folders(),
        error=sentence(error.reason) if error else "",
        error_field=error.field if error else "",
    )


@bp.post("/templates/<public_id>/duplicate")
@access("user")
def duplicate(public_id: str) -> Response:
    template = template_or_404(public_id)
    name = _("%(title)s (copy)", title=template.name)
    return _do(
        lambda: templates.duplicate(template.id, name, editor_id=editor_id(), now=utcnow()),
        _("Template duplicated"),
    )


@bp.post("/templates/<public_id>/archive")
@access("user")
def archive(public_id: str) -> Response:
    template = template_or_404(public_id)
    return _do(lambda: templates.archive(template.id, now=utcnow()), _("Template archived"))


@bp.post("/templates/<public_id>/unarchive")
@access("user")
def unarchive(public_id: str) -> Response:
    template = template_or_404(public_id)
    return _do(lambda: templates.unarchive(template.id), _("Template restored"))


def _do(change: Callable[[], object], message: str) -> Response:
    try:
        with transaction():
            change()
    except TemplateError as error:
        flash(sentence(error.reason), "warning")
        return redirect(url_for("templates.index"))
    return done(message, url_for("templates.index"))


@bp.route("/templates/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete(public_id: str) -> Answer:
    template = template_or_404(public_id)
    page = Deletion(
        title=_("Delete template “%(name)s”", name=template.name),
        button=_("Delete template"),
        back=url_for("templates.index"),
        above=[(url_for("templates.index"), _("Templates"))],
        effects=[
            _("The template and its earlier versions are deleted."),
            _("Campaigns made from it are copies: drafts, scheduled and sent ones stay unchanged."),
            _("This cannot be undone."),
        ],
    )
    return confirm_and_delete(
        lambda: page,
        lambda: templates.delete(template.id),
        message=_("Template deleted"),
        to=url_for("templates.index"),
    )


@bp.route("/campaigns/<public_id>/save-as-template", methods=["GET", "POST"])
@access("user")
def save_as_template(public_id: str) -> Answer:
    """Create a template with the content of a campaign, whatever its status."""
    campaign = campaign_or_404(public_id)
    if request.method != "POST":
        return _save_as_page(public_id, name=title_of(campaign)[: templates.MAX_NAME], folder="")
    name, folder = request.form.get("name", ""), request.form.get("folder", "")
    try:
        with transaction():
            created = template_copies.template_from(
                campaign_or_404(public_id), name, folder=folder, editor_id=editor_id(), now=utcnow()
            )
    except TemplateError as error:
        return _save_as_page(public_id, name=name, folder=folder, error=error), 422
    return done(_("Template created"), url_for("templates.show", public_id=created.public_id))


def _save_as_page(
    public_id: str, *, name: str, folder: str, error: TemplateError | None = None
) -> str:
    return render_template(
        "web/templates/save_as.html",
        campaign=campaign_or_404(public_id),
        name=name,
        folder=folder,
        folders=templates.folders(),
        error=sentence(error.reason) if error else "",
        error_field=error.field if error else "",
    )
