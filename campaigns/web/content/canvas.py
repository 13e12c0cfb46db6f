"""The canvas of the block editor: documents compiled while they are edited, shown in a frame.

docs/decisions/0021 says why the frame is as it is.
"""

import hashlib
import json
from dataclasses import replace
from typing import Any, get_args

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from campaigns.access import access
from campaigns.audience.segments import saved
from campaigns.campaign import drafts
from campaigns.campaign.merge_tags import merge_tags
from campaigns.campaign.models import Campaign
from campaigns.content.brand_style import NETWORK_NAMES, Network
from campaigns.content.html.direction import start
from campaigns.content.library import templates
from campaigns.content.library.context import context_of, style_of
from campaigns.content.library.models import Template
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource
from campaigns.content.templating.problems import Problem
from campaigns.context import services
from campaigns.web.compression import compress
from campaigns.web.content.block_words import block_words
from campaigns.web.content.blueprint import content_route, owner_or_404
from campaigns.web.content.owner import ContentOwner, OwnerKind
from campaigns.web.personal.merge_tag_words import label_of
from campaigns.web.static_files import asset
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

MAX_PROBLEMS = 200
FRAME_CSP = (
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'; sandbox allow-same-origin"
)
"""No script runs in the frame; the page around it may still read and change it."""
_STYLE = Markup(
    """<style data-canvas data-source="{source}" data-problems="{problems}">
html {{ overflow: hidden; }}
body {{ overflow-wrap: anywhere; }}
.be-tag {{ padding: 0 .3em; border-radius: .3em; background: rgba(99, 102, 241, .18); }}
.be-empty {{ min-height: 96px; }}
</style>"""
)
_EMPTY = '<!doctype html>\n<html><head><meta charset="utf-8"></head><body></body></html>'


@content_route("/canvas")
@access("user")
def canvas_frame(owner: OwnerKind, public_id: str) -> Response:
    """Return the page of the frame: the saved email, so that the editor need not ask for it.

    Its own style sheet names what was compiled (`data-source`) and has the problems. Without an
    email the page is empty.
    """
    found = owner_or_404(owner, public_id)
    answer = Response(_frame(found), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = FRAME_CSP
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _frame(owner: ContentOwner) -> str:
    if owner.content_kind != "blocks":
        return _with_style(_EMPTY)
    shown = _compiled(owner, owner.source)
    return _with_style(
        shown["html"] or _EMPTY,
        source=_digest(owner.source) if shown["html"] else "",
        problems=json.dumps(shown["problems"]),
    )


def _with_style(html: str, *, source: str = "", problems: str = "[]") -> str:
    style = _STYLE.format(source=source, problems=problems)
    return html.replace("</head>", f"{style}</head>", 1)


@content_route("/canvas", "POST")
@access("user")
def canvas(owner: OwnerKind, public_id: str) -> ResponseReturnValue:
    """Compile the document in the body of the request. Saves nothing.

    Returns {"html": ..., "problems": [{"text", "block", "blocks"}]}; `html` is empty if the
    document cannot be read.
    """
    found = owner_or_404(owner, public_id)
    body = request.get_data(cache=False)
    if len(body) > drafts.MAX_SOURCE:
        return {"message": _("The content is larger than 512 KB.")}, 413
    return compress(jsonify(_compiled(found, body.decode("utf-8", "replace"))))  # has no secret


def _compiled(owner: ContentOwner, text: str) -> dict[str, Any]:
    base_url, language = services().settings.base_url, owner.content().language
    context = context_of(text, owner.brand_id, base_url=base_url, language=language)
    page = compile_source(ContentSource("blocks", text), replace(context, is_canvas=True))
    problems = [_shown(problem) for problem in page.problems[:MAX_PROBLEMS]]
    return {"html": page.html, "problems": problems}


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:32]


def _shown(problem: Problem) -> dict[str, Any]:
    return {
        "text": sentence(problem.reason),
        "block": problem.block,
        "blocks": problem.blocks,
    }


def editor_data(owner: ContentOwner) -> dict[str, Any]:
    """Return what the scripts of the block editor start with."""
    tags = [tag for tag in merge_tags(_named(owner)) if tag.kind != "link"]
    return {
        "source": _digest(owner.source),
        "words": block_words(),
        "icons": asset("img/icons.svg"),
        "start": start(owner.content().language),
        "brand": {"palette": style_of(owner.brand_id).light.model_dump()},
        "fields": [{"tag": tag.tag, "label": label_of(tag)} for tag in tags],
        "segments": [{"id": one.public_id, "name": one.name} for one in saved.choices()],
        "networks": [{"key": key, "label": network_name(key)} for key in get_args(Network)],
    }


def _named(owner: ContentOwner) -> Campaign | Template | None:
    if owner.owner == "templates":
        return templates.find(owner.public_id)
    return drafts.find(owner.public_id) if owner.owner == "campaigns" else None


def network_name(key: Network) -> str:
    """Return the name of a network."""
    named = {"website": _("Website"), "email": _("Email")}
    return NETWORK_NAMES.get(key) or named[key]
