"""The content page, and saving what is written there."""

from collections.abc import Mapping
from typing import Any

from flask import abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from campaigns.access import access
from campaigns.campaign import drafts
from campaigns.clock import utcnow
from campaigns.content.sources.source import KINDS, SourceKind
from campaigns.db import transaction
from campaigns.inputs import one_line
from campaigns.web.campaigns.blueprint import editor_id
from campaigns.web.conflicts import conflict_answer
from campaigns.web.content import brand_choice
from campaigns.web.content.blueprint import content_route, find_owner, owner_or_404
from campaigns.web.content.canvas import editor_data
from campaigns.web.content.kinds import formats_for
from campaigns.web.content.owner import (
    ContentConflictError,
    ContentLockedError,
    ContentRefusedError,
    OwnerKind,
)
from campaigns.web.template_helpers import clock
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

LOCKED = 423
SCRIPTS: Mapping[SourceKind, str] = {
    "blocks": "js/content/blocks.bundle.js",
    "html": "js/content/code.bundle.js",
    "mjml": "js/content/code.bundle.js",
    "markdown": "js/content/markdown.bundle.js",
    "text": "js/content/text.bundle.js",
}
"""The scripts of the page for each kind of content."""


class BadContentError(ValueError):
    """The input cannot be saved; the message says why."""


@content_route()
@access("user")
def edit(owner: OwnerKind, public_id: str) -> ResponseReturnValue:
    found = owner_or_404(owner, public_id)
    if not found.is_editable:
        return redirect(found.home_url)
    blocks = editor_data(found) if found.content_kind == "blocks" else None
    return render_template(
        "web/content/edit.html",
        owner=found,
        formats=formats_for(found),
        brands=brand_choice.choices_for(found),
        block_editor=blocks,
        scripts=SCRIPTS[found.content_kind],
    )


@content_route("/save", "POST")
@access("user")
def save(owner: OwnerKind, public_id: str) -> ResponseReturnValue:
    """Save the content on top of the version it was read from. Returns JSON, for the script.

    200 version and time · 409 someone saved first · 422 invalid content · 423 cannot be edited.
    """
    found = find_owner(owner, public_id)
    if found is None:
        return {"message": _("This content has been deleted.")}, LOCKED
    now, seen = utcnow(), request.form.get("seen", "")
    try:
        version = int(request.form["version"])
        changes = _changes(request.form)
        with transaction():
            saved = found.save(changes, version, seen=seen, editor_id=editor_id(), now=now)
    except BadContentError as error:
        return {"message": str(error)}, 422
    except ContentConflictError as error:
        return conflict_answer(error.version, error.editor_id, error.at), 409
    except ContentLockedError as error:
        return {"message": sentence(error.reason)}, LOCKED
    except ContentRefusedError as error:
        return {"message": sentence(error.reason)}, 422
    except (KeyError, ValueError):
        abort(400)
    return {"version": saved.version, "seen": saved.seen, "saved_at": clock(now)}


def _changes(form: MultiDict[str, str]) -> dict[str, Any]:
    source = form.get("source", "").replace("\r\n", "\n").replace("\x00", "")
    if len(source.encode("utf-8", "replace")) > drafts.MAX_SOURCE:
        raise BadContentError(_("The content is larger than 512 KB."))
    kind = form.get("content_kind", "")
    if kind not in KINDS:
        raise BadContentError(_("This kind of content is unknown. Reload the page."))
    lines = {name: _line(form[name]) for name in ("subject", "preheader") if name in form}
    changes = {"content_kind": kind, "source": source, "inline_css": "inline_css" in form, **lines}
    if "brand" not in form:
        return changes
    brand_id = brand_choice.find_id(form["brand"])
    if brand_id is None:
        raise BadContentError(_("This brand was deleted. Choose another one."))
    return {**changes, "brand_id": brand_id}


def _line(typed: str) -> str:
    """Return the subject or preheader of a variant: headers must not contain line breaks."""
    text = one_line(typed)
    if len(text) > drafts.MAX_LINE:
        most = drafts.MAX_LINE
        raise BadContentError(
            _("A subject or preheader is longer than %(most)s characters.", most=most)
        )
    return text
