"""Versions of the content of campaigns and templates: list, compare and restore them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import sqlalchemy as sa
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for

from campaigns.access import access
from campaigns.accounts.models import User
from campaigns.audience.paging import number_key
from campaigns.campaign import drafts
from campaigns.campaign.drafts import EditConflictError, NotEditableError
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library import differences, templates, versions
from campaigns.content.library.context import context_of
from campaigns.content.library.differences import BlockChanges
from campaigns.content.library.models import Template
from campaigns.content.library.templates import TemplateConflictError, TemplateError
from campaigns.content.library.versions import VersionOwner
from campaigns.content.mime.compile import Content
from campaigns.content.sources.source import ContentSource, kind_of
from campaigns.db import db, transaction
from campaigns.web.campaigns.blueprint import editor_id
from campaigns.web.content.blueprint import owner_or_404
from campaigns.web.content.owner import ContentOwner
from campaigns.web.saving import done
from campaigns.web.templates.thumbnails import email_in_frame
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

bp = Blueprint("versions", __name__)

Versioned = Literal["campaigns", "templates"]
CURRENT = 0
"""Number of the version that stands for the current content."""
_PATH = "/<any(campaigns,templates):owner>/<public_id>/versions"
_VERSION = f"{_PATH}/<int(max=2147483647):version>"


@bp.get(_PATH)
@access("user")
def index(owner: Versioned, public_id: str) -> str:
    found = owner_or_404(owner, public_id)
    listed = versions.listed(_owner_id(owner, public_id))
    return render_template(
        "web/versions/index.html",
        owner=found,
        versions=listed,
        current=_current_version(found, listed),
        people=_people({one.saved_by_id for one in listed}),
        kept=versions.MAX_VERSIONS,
    )


@bp.get(_VERSION)
@access("user")
def compare(owner: Versioned, public_id: str, version: int) -> str:
    """Show a version next to another one (`with`), or to the current content."""
    found = owner_or_404(owner, public_id)
    other = number_key(request.args.get("with")) or CURRENT
    old, new = _stored_or_404(found, version), _stored_or_404(found, other)
    lines: Sequence[differences.DiffLine] | None = ()
    if _is_code(old) and old["content_kind"] == new["content_kind"]:
        lines = differences.line_changes(old["source"], new["source"])
    listed = versions.listed(_owner_id(owner, public_id))
    info = next((one for one in listed if one.version == version), None) or abort(404)
    return render_template(
        "web/versions/compare.html",
        owner=found,
        info=info,
        person=_people({info.saved_by_id}).get(info.saved_by_id or 0, ""),
        previous=next((one.version for one in listed if one.version < version), 0),
        other=other,
        old=old,
        new=new,
        block_count=_block_changes(old, new).count,
        is_same=old == new,
        lines=lines,
    )


@bp.get(f"{_VERSION}/frame")
@access("user")
def frame(owner: Versioned, public_id: str, version: int) -> Response:
    """Return the email of a version (0: the current one).

    Blocks that differ from the version `against` are marked; `side` says which of both is older.
    """
    found = owner_or_404(owner, public_id)
    shown = _stored_or_404(found, version)
    other = _stored_or_404(found, number_key(request.args.get("against")) or CURRENT)
    is_old = request.args.get("side") != "new"
    changes = _block_changes(shown, other) if is_old else _block_changes(other, shown)
    alone = changes.removed if is_old else changes.added
    marks = _marks(alone, changes.changed, is_old=is_old)
    return email_in_frame(_content(found, shown), style=marks)


def _content(owner: ContentOwner, shown: Mapping[str, Any]) -> Content:
    """Return the content with these fields. Its blocks can be found by their ids."""
    content = owner.content()
    source = ContentSource(kind_of(shown["content_kind"]), shown["source"], shown["inline_css"])
    context = context_of(
        source.text, owner.brand_id, base_url=content.base_url, language=content.language
    )
    return replace(
        content,
        subject=shown["subject"],
        preheader=shown["preheader"],
        source=source,
        context=replace(context, is_canvas=source.kind == "blocks"),
    )


def _marks(alone: frozenset[str], changed: frozenset[str], *, is_old: bool) -> str:
    """Return the rules that outline blocks: their ids are letters and digits."""
    colour = "#dc2626" if is_old else "#16a34a"
    rules = [
        f".b-{block} {{ outline: 3px solid {shade} !important; outline-offset: -3px; }}"
        for blocks, shade in ((alone, colour), (changed, "#d97706"))
        for block in sorted(blocks)
    ]
    return "\n".join(rules)


@bp.post(f"{_VERSION}/restore")
@access("user")
def restore(owner: Versioned, public_id: str, version: int) -> Any:
    """Make a version the current content, as a new version."""
    found = owner_or_404(owner, public_id)
    changes = _stored_or_404(found, version)
    back = redirect(url_for("versions.index", owner=owner, public_id=public_id))
    if not found.is_editable:
        flash(_("Only drafts can be changed. Duplicate the campaign instead."), "warning")
        return back
    try:
        with transaction():
            _RESTORE[owner](public_id, changes)
    except (EditConflictError, TemplateConflictError):
        flash(_("Someone else saved a newer version meanwhile. Try again."), "warning")
        return back
    except (NotEditableError, TemplateError) as error:
        flash(sentence(error.reason), "warning")
        return back
    return done(
        _("Version restored"),
        url_for("content_editor.edit", owner=owner, public_id=public_id),
    )


def _restore_campaign(public_id: str, changes: Mapping[str, Any]) -> None:
    row = drafts.find(public_id) or abort(404)
    drafts.save(row.id, row.version, changes, is_separate=True, editor_id=editor_id(), now=utcnow())


def _restore_template(public_id: str, changes: Mapping[str, Any]) -> None:
    row = templates.find(public_id) or abort(404)
    templates.save(
        row.id, row.version, changes, is_separate=True, editor_id=editor_id(), now=utcnow()
    )


_RESTORE: Mapping[Versioned, Callable[[str, Mapping[str, Any]], None]] = {
    "campaigns": _restore_campaign,
    "templates": _restore_template,
}


# --- what is shown


def _owner_id(owner: Versioned, public_id: str) -> VersionOwner:
    model = Campaign if owner == "campaigns" else Template
    row_id = db.session.scalar(sa.select(model.id).where(model.public_id == public_id))
    if owner == "campaigns":
        return VersionOwner(campaign_id=row_id)
    return VersionOwner(template_id=row_id)


def _stored_or_404(owner: ContentOwner, version: int) -> dict[str, Any]:
    """Return the fields of a version, or the current ones."""
    if version == CURRENT:
        return versions.content_in(owner)
    kind: Versioned = "campaigns" if owner.owner == "campaigns" else "templates"
    stored = versions.find(_owner_id(kind, owner.public_id), version)
    return abort(404) if stored is None else versions.content_in(stored)


def _current_version(owner: ContentOwner, listed: Sequence[versions.VersionInfo]) -> int:
    """Return the number of the newest version if it is the current content, else 0."""
    if not listed:
        return 0
    newest = _stored_or_404(owner, listed[0].version)
    return listed[0].version if newest == versions.content_in(owner) else 0


def _people(user_ids: set[int | None]) -> dict[int, str]:
    rows = db.session.execute(
        sa.select(User.id, User.name, User.address).where(User.id.in_(user_ids - {None}))
    )
    return {row.id: row.name or row.address for row in rows}


def _is_code(content: Mapping[str, Any]) -> bool:
    return bool(content["content_kind"] != "blocks")


def _block_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> BlockChanges:
    if _is_code(old) or _is_code(new):
        return BlockChanges()
    return differences.block_changes(old["source"], new["source"])
