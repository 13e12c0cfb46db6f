"""The kinds of content in words, and the change from one to another."""

from dataclasses import dataclass
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext

from campaigns.access import access
from campaigns.campaign import drafts
from campaigns.clock import utcnow
from campaigns.content.sources.convert import Loss, convert, loss_of
from campaigns.content.sources.source import KINDS, SourceKind
from campaigns.db import transaction
from campaigns.web.campaigns.blueprint import editor_id
from campaigns.web.content.blueprint import bp, content_route, owner_or_404
from campaigns.web.content.owner import (
    ContentConflictError,
    ContentLockedError,
    ContentOwner,
    ContentRefusedError,
    OwnerKind,
)
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

KIND_WORDS = {
    "blocks": lazy_gettext("Blocks"),
    "markdown": lazy_gettext("Markdown"),
    "html": lazy_gettext("HTML"),
    "mjml": lazy_gettext("MJML"),
    "text": lazy_gettext("Plain text"),
}
KIND_TEXTS = {
    "blocks": lazy_gettext("Build the email from blocks. No code needed."),
    "markdown": lazy_gettext("Write text with simple marks. The design comes from your brand."),
    "html": lazy_gettext("Write or paste HTML. It is sent as you write it."),
    "mjml": lazy_gettext("Write MJML. It becomes HTML that works in every email client."),
    "text": lazy_gettext("No design and no images, like a personal email."),
}
_LOSS_TEXTS: dict[Loss, str] = {
    "nothing": lazy_gettext("Your text stays as it is."),
    "way_back": lazy_gettext("The email looks the same, but the change cannot be reversed."),
    "design": lazy_gettext("Only the text is kept. Images, layout and colors are lost."),
}


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of content to change to. `loss` says what happens to the current content."""

    kind: SourceKind
    word: str
    text: str
    loss: str


def formats_for(owner: ContentOwner) -> list[Format]:
    """Return the kinds that this content can be changed to."""
    if owner.owner == "saved-blocks":
        return []
    is_blank = not owner.source.strip()
    return [
        Format(
            kind,
            str(KIND_WORDS[kind]),
            str(KIND_TEXTS[kind]),
            "" if is_blank else str(_LOSS_TEXTS[loss_of(owner.content_kind, kind)]),
        )
        for kind in KINDS
        if kind != owner.content_kind
    ]


@bp.app_template_global("kind_word")
def kind_word(kind: str) -> str:
    """Return the name of a kind of content."""
    return str(KIND_WORDS[kind])


@bp.app_template_global("kind_text")
def kind_text(kind: str) -> str:
    """Return what a kind of content is good for."""
    return str(KIND_TEXTS[kind])


@content_route("/format", "POST")
@access("user")
def change_format(owner: OwnerKind, public_id: str) -> ResponseReturnValue:
    """Rewrite the content as one of another kind, on top of the newest version."""
    found = owner_or_404(owner, public_id)
    kind = next((one for one in KINDS if one == request.form.get("kind")), None)
    if kind is None:
        flash(_("Choose a format."), "warning")
    elif problem := _change(found, kind):
        flash(problem, "danger")
    else:
        flash(_("Format changed"), "success")
    ids: dict[str, Any] = found.ids
    return _back(url_for("content_editor.edit", **ids))


def _change(owner: ContentOwner, kind: SourceKind) -> str:
    """Change the kind; returns why it could not be changed, or an empty text."""
    content = owner.content()
    source = convert(content.source, kind, content.context)
    if len(source.text.encode("utf-8", "replace")) > drafts.MAX_SOURCE:
        return _("The content would be larger than 512 KB. Shorten it first.")
    changes = {"content_kind": kind, "source": source.text, "inline_css": False}
    try:
        with transaction():
            owner.save(changes, owner.version, seen=owner.seen, editor_id=editor_id(), now=utcnow())
    except ContentConflictError:
        return _("Someone else saved a newer version meanwhile. Try again.")
    except (ContentLockedError, ContentRefusedError) as error:
        return sentence(error.reason)
    return ""


def _back(url: str) -> ResponseReturnValue:
    """Load the page again, also from a script."""
    if request.headers.get("HX-Request"):
        return Response(headers={"HX-Redirect": url})
    return redirect(url)
