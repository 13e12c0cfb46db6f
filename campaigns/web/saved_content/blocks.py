"""Saved blocks: list, show, rename and delete them, and what the block editor asks for."""

import json
from typing import Any

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.access import access
from campaigns.audience.paging import fetch, number_key
from campaigns.campaign import library_uses
from campaigns.campaign.expand_content import sample_content
from campaigns.clock import utcnow
from campaigns.content.library import saved_blocks
from campaigns.content.library.models import SavedBlock
from campaigns.content.library.saved_blocks import SavedBlockError
from campaigns.content.sources.source import ContentSource
from campaigns.context import services
from campaigns.db import transaction
from campaigns.web.deletion import Deletion, confirm_and_delete
from campaigns.web.page_links import page_links
from campaigns.web.saved_content.blueprint import PAGE_SIZE, bp, uses_in_words
from campaigns.web.saving import Answer, done, or_404
from campaigns.web.templates.thumbnails import email_in_frame
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence


@bp.get("/saved-blocks")
@access("user")
def index() -> str:
    text = request.args.get("q", "").strip()[: saved_blocks.MAX_NAME]
    page = fetch(
        saved_blocks.matching(text),
        SavedBlock.id.expression,
        name="id",
        descending=True,
        before=number_key(request.args.get("before")),
        after=number_key(request.args.get("after")),
        size=PAGE_SIZE,
    )
    previous, following = page_links("saved_content.index", page, q=text or None)
    return render_template(
        "web/saved_content/blocks.html",
        rows=page.rows,
        text=text,
        previous=previous,
        following=following,
    )


@bp.get("/saved-blocks.json")
@access("user")
def offered() -> dict[str, Any]:
    """Return {"blocks": [{"id", "name", "rows", "url"}]}, for the block editor."""
    return {"blocks": [{**one, "url": _content_url(one["id"])} for one in saved_blocks.offered()]}


def _content_url(public_id: str) -> str:
    return url_for("content_editor.edit", owner="saved-blocks", public_id=public_id)


@bp.post("/saved-blocks")
@access("user")
def create() -> ResponseReturnValue:
    """Save rows of a document. The body is {"name", "rows"}; returns {"id", "name"}.

    201 saved · 422 why not, as {"message"}.
    """
    try:
        given = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        given = None
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(name, str):
        return {"message": _("The request could not be read. Reload the page and try again.")}, 422
    try:
        with transaction():
            saved = saved_blocks.create(name, given.get("rows"), now=utcnow())
    except SavedBlockError as error:
        return {"message": sentence(error.reason)}, 422
    return {"id": saved.public_id, "name": saved.name}, 201


@bp.get("/saved-blocks/<public_id>")
@access("user")
def block(public_id: str) -> str:
    saved = or_404(SavedBlock, public_id)
    return render_template(
        "web/saved_content/block.html",
        saved=saved,
        uses=library_uses.uses_of_saved_block(public_id),
    )


@bp.get("/saved-blocks/<public_id>/thumbnail")
@access("user")
def block_thumbnail(public_id: str) -> Response:
    """Return an email with nothing but these rows, for a scaled frame."""
    rows = or_404(SavedBlock, public_id).rows
    document = json.dumps({"version": 1, "rows": rows}, ensure_ascii=False)
    source = ContentSource("blocks", document)
    return email_in_frame(sample_content(source, None, base_url=services().settings.base_url))


@bp.route("/saved-blocks/<public_id>/rename", methods=["GET", "POST"])
@access("user")
def rename_block(public_id: str) -> Answer:
    saved = or_404(SavedBlock, public_id)
    if request.method != "POST":
        return render_template("web/saved_content/rename.html", saved=saved, name=saved.name)
    name = request.form.get("name", "")
    try:
        with transaction():
            saved_blocks.rename(saved.id, name, now=utcnow())
    except SavedBlockError as error:
        return render_template(
            "web/saved_content/rename.html",
            saved=or_404(SavedBlock, public_id),
            name=name,
            error=sentence(error.reason),
        ), 422
    return done(_("Block renamed"), url_for("saved_content.block", public_id=public_id))


@bp.route("/saved-blocks/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_block(public_id: str) -> Answer:
    saved = or_404(SavedBlock, public_id)
    return confirm_and_delete(
        lambda: _deletion(saved),
        lambda: saved_blocks.delete(saved.id),
        message=_("Block deleted"),
        to=url_for("saved_content.index"),
    )


def _deletion(saved: SavedBlock) -> Deletion:
    uses = library_uses.uses_of_saved_block(saved.public_id)
    return Deletion(
        title=_("Delete saved block “%(name)s”", name=saved.name),
        button=_("Delete block"),
        back=url_for("saved_content.block", public_id=saved.public_id),
        above=[(url_for("saved_content.index"), _("Saved content"))],
        effects=[
            *uses_in_words(uses),
            _("Scheduled and sent campaigns keep it."),
            _("This cannot be undone."),
        ],
    )
