"""Versions of the content of campaigns and templates: list, compare and restore them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for

from campaigns import formatting
from campaigns.access import access
from campaigns.accounts.models import User
from campaigns.audience.paging import number_key
from campaigns.campaign import content_versions, drafts
from campaigns.campaign.drafts import EditConflictError, NotEditableError
from campaigns.clock import utcnow
from campaigns.content.library import differences, templates, versions
from campaigns.content.library.context import context_of
from campaigns.content.library.differences import BlockChanges
from campaigns.content.library.models import Brand
from campaigns.content.library.templates import TemplateConflictError, TemplateError
from campaigns.content.library.versions import VersionOwner
from campaigns.content.mime.compile import Content
from campaigns.content.sources.source import ContentSource, kind_of
from campaigns.db import db, transaction
from campaigns.web.campaigns.blueprint import editor_id
from campaigns.web.content import campaign_owner, template_owner
from campaigns.web.content.campaign_owner import CampaignContent
from campaigns.web.content.template_owner import TemplateOwner
from campaigns.web.saving import done
from campaigns.web.template_helpers import locale
from campaigns.web.templates.thumbnails import email_in_frame
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

bp = Blueprint("versions", __name__)

Versioned = Literal["campaigns", "templates"]
VersionedContent = CampaignContent | TemplateOwner
CURRENT = 0
"""Number of the version that stands for the current content."""
_PATH = "/<any(campaigns,templates):owner>/<public_id>/versions"
_VERSION = f"{_PATH}/<int(max=2147483647):version>"


@bp.get(_PATH)
@access("user")
def index(owner: Versioned, public_id: str) -> str:
    found = _found_or_404(owner, public_id)
    listed = versions.listed(_owner_id(found))
    return render_template(
        "web/versions/index.html",
        owner=found,
        versions=listed,
        current=_current_version(found, listed),
        people=_people({one.saved_by_id for one in listed}),
        kept=versions.MAX_VERSIONS,
        language=request.args.get("language"),
    )


@bp.get(_VERSION)
@access("user")
def compare(owner: Versioned, public_id: str, version: int) -> str:
    """Show a version next to another one (`with`), or to the current content, in a `language`."""
    found = _found_or_404(owner, public_id)
    other = number_key(request.args.get("with")) or CURRENT
    whole_old, whole_new = _stored_or_404(found, version), _stored_or_404(found, other)
    language = request.args.get("language", "")
    languages = _languages(whole_old, whole_new)
    if language not in {one.code for one in languages}:
        language = ""
    old, new = _in_language(whole_old, language), _in_language(whole_new, language)
    listed = versions.listed(_owner_id(found))
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
        language=language,
        languages=languages,
        brands=_brand_names(whole_old, whole_new),
        whole_old=whole_old,
        whole_new=whole_new,
        is_whole=versions.is_whole(whole_old) and versions.is_whole(whole_new),
        block_count=_block_changes(old, new).count,
        is_same=versions.is_same(whole_old, whole_new),
        lines=_lines(old, new),
    )


@bp.get(f"{_VERSION}/frame")
@access("user")
def frame(owner: Versioned, public_id: str, version: int) -> Response:
    """Return the email of a version (0: the current one), in a `language`.

    Blocks that differ from the version `against` are marked; `side` says which one is older.
    """
    found = _found_or_404(owner, public_id)
    language = request.args.get("language", "")
    whole = _stored_or_404(found, version)
    shown = _in_language(whole, language) or abort(404)
    against = _stored_or_404(found, number_key(request.args.get("against")) or CURRENT)
    other = _in_language(against, language)
    is_old = request.args.get("side") != "new"
    changes = _block_changes(shown, other) if is_old else _block_changes(other, shown)
    alone = changes.removed if is_old else changes.added
    marks = _marks(alone, changes.changed, is_old=is_old)
    return email_in_frame(_content(found, {**whole, **shown}, language), style=marks)


def _content(owner: VersionedContent, shown: Mapping[str, Any], language: str) -> Content:
    """Return the content with these fields. Its blocks can be found by their ids."""
    content = owner.content()
    source = ContentSource(kind_of(shown["content_kind"]), shown["source"], shown["inline_css"])
    context = context_of(
        source.text,
        shown.get("brand_id", owner.brand_id),
        base_url=content.base_url,
        language=language or content.language,
    )
    return replace(
        content,
        subject=shown["subject"],
        preheader=shown["preheader"],
        source=source,
        context=replace(context, is_canvas=source.kind == "blocks"),
        variables=shown.get("variables", content.variables),
        language=language or content.language,
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
    found = _found_or_404(owner, public_id)
    stored = versions.find(_owner_id(found), version) or abort(404)
    back = redirect(url_for("versions.index", owner=owner, public_id=public_id))
    if not found.is_editable:
        flash(_("Only drafts can be changed. Duplicate the campaign instead."), "warning")
        return back
    try:
        with transaction():
            _RESTORE[owner](public_id, versions.to_restore(stored))
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


def _restore_campaign(public_id: str, content: Mapping[str, Any]) -> None:
    row = drafts.find(public_id) or abort(404)
    drafts.restore(row.id, row.version, content, editor_id=editor_id(), now=utcnow())


def _restore_template(public_id: str, content: Mapping[str, Any]) -> None:
    row = templates.find(public_id) or abort(404)
    templates.save(
        row.id, row.version, content, is_separate=True, editor_id=editor_id(), now=utcnow()
    )


_RESTORE: Mapping[Versioned, Callable[[str, Mapping[str, Any]], None]] = {
    "campaigns": _restore_campaign,
    "templates": _restore_template,
}


# --- what is shown


@dataclass(frozen=True, slots=True)
class ComparedLanguage:
    """A language of either version ("": the content itself), and whether it differs."""

    code: str
    name: str
    is_changed: bool


def _found_or_404(owner: Versioned, public_id: str) -> VersionedContent:
    if owner == "campaigns":
        return campaign_owner.find(public_id) or abort(404)
    return template_owner.find(public_id) or abort(404)


def _owner_id(owner: VersionedContent) -> VersionOwner:
    if isinstance(owner, CampaignContent):
        return VersionOwner(campaign_id=owner.campaign.id)
    return VersionOwner(template_id=owner.template.id)


def _stored_or_404(owner: VersionedContent, version: int) -> dict[str, Any]:
    """Return the fields that a version holds, or the current ones."""
    if version != CURRENT:
        return versions.content_in(versions.find(_owner_id(owner), version) or abort(404))
    if isinstance(owner, CampaignContent):
        return content_versions.content_of(owner.campaign)
    return versions.content_in(owner.template)


def _current_version(owner: VersionedContent, listed: Sequence[versions.VersionInfo]) -> int:
    """Return the number of the newest version if it is the current content, else 0."""
    if not listed:
        return 0
    newest = _stored_or_404(owner, listed[0].version)
    return listed[0].version if versions.is_same(newest, _stored_or_404(owner, CURRENT)) else 0


def _people(user_ids: set[int | None]) -> dict[int, str]:
    rows = db.session.execute(
        sa.select(User.id, User.name, User.address).where(User.id.in_(user_ids - {None}))
    )
    return {row.id: row.name or row.address for row in rows}


def _brand_names(*contents: Mapping[str, Any]) -> dict[int, str]:
    ids = {content.get("brand_id") for content in contents} - {None}
    rows = db.session.execute(sa.select(Brand.id, Brand.name).where(Brand.id.in_(ids)))
    return {row.id: row.name for row in rows}


def _languages(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[ComparedLanguage]:
    """Return the content itself and each language of either version; alone, nothing."""
    codes = sorted({*old.get("variants", {}), *new.get("variants", {})})
    if not codes:
        return []
    names = {code: formatting.language(code, locale()) for code in codes}
    return [
        ComparedLanguage(code, name, _in_language(old, code) != _in_language(new, code))
        for code, name in {"": _("Main language"), **names}.items()
    ]


def _in_language(content: Mapping[str, Any], language: str) -> Mapping[str, Any]:
    """Return the fields of the content in a language ("": its own); empty if there is none."""
    if language:
        found: Mapping[str, Any] = content.get("variants", {}).get(language, {})
        return found
    return {name: content[name] for name in versions.VARIANT_FIELDS}


def _is_code(content: Mapping[str, Any]) -> bool:
    return bool(content["content_kind"] != "blocks")


def _lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[differences.DiffLine] | None:
    """Return the changed lines of code; None if they are too many."""
    if not old or not new or not _is_code(old) or old["content_kind"] != new["content_kind"]:
        return ()
    return differences.line_changes(old["source"], new["source"])


def _block_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> BlockChanges:
    if not old or not new or _is_code(old) or _is_code(new):
        return BlockChanges()
    return differences.block_changes(old["source"], new["source"])
