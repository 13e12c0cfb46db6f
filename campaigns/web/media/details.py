"""One image: its details, what shows it, and its texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for
from flask_babel import lazy_gettext

from campaigns.access import access
from campaigns.accounts.models import User
from campaigns.campaign.media_uses import MediaUse, uses_of
from campaigns.content.library import media
from campaigns.content.library.models import Media
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.web.media.blueprint import bp
from campaigns.web.media.shown import KINDS, address, is_animated, shown
from campaigns.web.saving import (
    Answer,
    SavedMeanwhileError,
    done,
    locked_or_404,
    or_404,
    seen_of,
)
from campaigns.web.words import gettext as _

USES_SHOWN = 12
_USE_WORDS = {
    "campaign": lazy_gettext("Campaign"),
    "template": lazy_gettext("Template"),
    "saved_block": lazy_gettext("Saved block"),
    "snippet": lazy_gettext("Snippet"),
    "brand": lazy_gettext("Brand"),
}


@dataclass(frozen=True, slots=True)
class UseShown:
    """A use with its address, if it has a page."""

    use: MediaUse
    href: str


@bp.get("/media/<public_id>")
@access("user")
def details(public_id: str) -> str:
    return _page(_in_library(public_id))


@bp.post("/media/<public_id>")
@access("user")
def change(public_id: str) -> Answer:
    medium, form = _in_library(public_id), request.form
    try:
        with transaction():
            locked_or_404(Media, public_id, _stored)
            media.rename(medium.id, form.get("name", ""))
            media.set_alt(medium.id, form.get("alt", ""), is_decorative="is_decorative" in form)
            media.move([public_id], form.get("folder", ""))
    except SavedMeanwhileError:
        typed = {name: form.get(name, "") for name in _stored(medium)}
        return _page(_in_library(public_id), typed), 409
    if request.headers.get("HX-Request"):
        return _page(_in_library(public_id), is_saved=True)
    return done(_("Changes saved"), url_for("media.details", public_id=public_id))


def _stored(medium: Media) -> dict[str, Any]:
    """Return what the form contains."""
    return {name: getattr(medium, name) for name in ("alt", "is_decorative", "name", "folder")}


def _in_library(public_id: str) -> Media:
    return or_404(Media, public_id, deleted_at=None)


def _page(medium: Media, typed: Mapping[str, Any] | None = None, *, is_saved: bool = False) -> str:
    """Return the page. `typed` was not saved, because someone else saved first."""
    is_part = bool(request.headers.get("HX-Request"))
    uses = uses_of([medium.public_id])[medium.public_id]
    return render_template(
        "web/media/_details.html" if is_part else "web/media/details.html",
        medium=medium,
        image=shown(medium),
        form=typed or _stored(medium),
        seen=seen_of(_stored(medium)),
        is_conflict=typed is not None,
        is_saved=is_saved,
        uses=[UseShown(use, _href(use)) for use in uses[:USES_SHOWN]],
        use_words=_USE_WORDS,
        more_uses=max(0, len(uses) - USES_SHOWN),
        folders=[name for name in media.folders() if name],
        uploader=db.session.get(User, medium.created_by_id) if medium.created_by_id else None,
        **_files(medium),
    )


def _files(medium: Media) -> dict[str, Any]:
    email = media.email_image(medium)
    base = services().settings.media_url.rstrip("/")
    return {
        "email": email,
        "email_kind": KINDS[email.content_type],
        "public_url": f"{base}{address(medium, email)}",
        "is_webp": is_animated(medium) and medium.content_type == "image/webp",
    }


def _href(use: MediaUse) -> str:
    match use.kind:
        case "campaign":
            endpoint = "campaigns.edit" if use.status == "draft" else "reports.campaign"
            return url_for(endpoint, public_id=use.public_id)
        case "template":
            return url_for("templates.show", public_id=use.public_id)
    return ""
