"""Tags: list, rename, merge and delete them, and the tags of one subscriber."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.audience import tags
from campaigns.audience.models import Subscriber, Tag
from campaigns.audience.segments.models import Segment
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.reason import Reason, ReasonError
from campaigns.web.deletion import Deletion, confirm_and_delete, quoted
from campaigns.web.page_links import page_links
from campaigns.web.saving import Answer, done, or_404
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext, sentence

bp = Blueprint("tags", __name__)


@bp.get("/tags")
@access("user")
def index() -> str:
    text = request.args.get("q", "").strip()[: tags.MAX_NAME]
    page = tags.page(text, before=request.args.get("before"), after=request.args.get("after"))
    previous, following = page_links("tags.index", page, **({"q": text} if text else {}))
    return render_template(
        "web/tags/index.html",
        tags=page.rows,
        counts=tags.counts([tag.id for tag in page.rows]),
        text=text,
        previous=previous,
        following=following,
    )


@bp.route("/tags/<public_id>/edit", methods=["GET", "POST"])
@access("user")
def edit(public_id: str) -> Answer:
    tag = or_404(Tag, public_id)
    if request.method != "POST":
        return _edit_page(tag, typed=tag.name)
    name = request.form.get("name", "")
    try:
        with transaction():
            tags.rename(tag.id, name)
    except tags.TagError as error:
        return _edit_page(or_404(Tag, public_id), typed=name, error=error), 422
    return done(_("Tag renamed"), url_for("tags.index"))


@bp.post("/tags/<public_id>/merge")
@access("user")
def merge(public_id: str) -> Answer:
    tag = or_404(Tag, public_id)
    into = request.form.get("into", "")
    try:
        with transaction():
            target = tags.named(into)
            if target is None or target.id == tag.id:
                raise tags.TagError("bulk.no_merge_target", field="into")
            tags.merge(tag.id, target.id, now=utcnow())
    except ReasonError as error:
        return _edit_page(or_404(Tag, public_id), typed=tag.name, into=into, error=error), 422
    return done(_("Tags merged"), url_for("tags.index"))


def _edit_page(tag: Tag, *, typed: str, into: str = "", error: ReasonError | None = None) -> str:
    return render_template(
        "web/tags/edit.html",
        tag=tag,
        typed=typed,
        into=into,
        count=tags.counts([tag.id])[tag.id],
        segments=tags.segments_using(tag.id),
        others=[one for one in tags.choices() if one.id != tag.id],
        error=sentence(error.reason) if error else "",
        error_field=error.field if error else "",
    )


@bp.route("/tags/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete(public_id: str) -> Answer:
    tag = or_404(Tag, public_id)
    return confirm_and_delete(
        lambda: _deletion(tag),
        lambda: tags.delete(tag.id),
        message=_("Tag deleted"),
        to=url_for("tags.index"),
    )


def _deletion(tag: Tag) -> Deletion:
    count = tags.counts([tag.id])[tag.id]
    effect = ngettext(
        "The tag is removed from %(count)s subscriber. Nothing else about them changes.",
        "The tag is removed from %(count)s subscribers. Nothing else about them changes.",
        count,
    )
    return Deletion(
        title=_("Delete tag “%(name)s”", name=tag.name),
        button=_("Delete tag"),
        back=url_for("tags.index"),
        above=[(url_for("tags.index"), _("Tags"))],
        effects=[effect, _("This cannot be undone.")],
        kept_title=_("This tag is in use"),
        kept_because=_in_use(tags.segments_using(tag.id)),
    )


def _in_use(segments: Sequence[Segment]) -> str:
    if not segments:
        return ""
    return _(
        "These segments use it: %(names)s. Change them first, or merge the tag into another one.",
        names=quoted([segment.name for segment in segments]),
    )


# --- one subscriber


@bp.post("/subscribers/<public_id>/tags")
@access("user")
def add(public_id: str) -> Response:
    """Add the tags of the form, separated by commas."""
    person = or_404(Subscriber, public_id)
    text = request.form.get("tags", "")
    try:
        with transaction():
            names = tags.names_in(text)
            if not names:
                raise tags.TagError("bulk.tag_without_name")
            tags.add(person.id, names, now=utcnow())
    except tags.TagError as error:
        flash(sentence(error.reason), "danger")
    return redirect(url_for("subscribers.show", public_id=public_id))


@bp.post("/subscribers/<public_id>/tags/remove")
@access("user")
def remove(public_id: str) -> Response:
    person = or_404(Subscriber, public_id)
    with transaction():
        tag = tags.find(request.form.get("tag", ""))
        if tag is None:
            flash(sentence(Reason("bulk.tag_gone")), "danger")
        else:
            tags.remove(person.id, tag.id)
    return redirect(url_for("subscribers.show", public_id=public_id))
