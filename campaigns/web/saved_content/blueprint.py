"""Shared by the pages of saved content: the blueprint, and where something is used."""

from collections.abc import Sequence

from flask import Blueprint, url_for

from campaigns.campaign.library_uses import ContentUse
from campaigns.web.deletion import quoted
from campaigns.web.words import gettext as _

bp = Blueprint("saved_content", __name__)

PAGE_SIZE = 24


@bp.app_template_global("use_url")
def use_url(use: ContentUse) -> str:
    """Return the page of something that shows saved content."""
    endpoints = {
        "campaign": "campaigns.edit",
        "template": "templates.show",
        "saved_block": "saved_content.block",
        "snippet": "saved_content.snippet",
    }
    return url_for(endpoints[use.kind], public_id=use.public_id)


def uses_in_words(uses: Sequence[ContentUse]) -> list[str]:
    """Return a sentence for each kind of content that shows something, for a deletion."""
    named = {use.kind: quoted([one.title for one in uses if one.kind == use.kind]) for use in uses}
    sentences = {
        "campaign": _("Drafts that show it: %(names)s", names=named.get("campaign", "")),
        "template": _("Templates that show it: %(names)s", names=named.get("template", "")),
        "saved_block": _(
            "Saved blocks that show it: %(names)s", names=named.get("saved_block", "")
        ),
        "snippet": _("Snippets that show it: %(names)s", names=named.get("snippet", "")),
    }
    found = [sentence for kind, sentence in sentences.items() if kind in named]
    return [*found, _("They cannot be sent until it is removed there.")] if found else []
