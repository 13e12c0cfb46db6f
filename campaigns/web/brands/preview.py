"""A small email in the style of a brand, made by the compiler of every email."""

import json
from dataclasses import replace
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from campaigns.access import access
from campaigns.accounts.workspace import load_workspace
from campaigns.campaign.expand_content import sample_content
from campaigns.content.brand_style import BrandStyle, stored_style
from campaigns.content.library.brand_input import BrandInput, low_contrasts, style_from
from campaigns.content.library.media import files_of
from campaigns.content.library.mentions import mentions_in
from campaigns.content.library.models import Brand
from campaigns.content.sources.source import ContentSource
from campaigns.context import services
from campaigns.web.brands.blueprint import bp
from campaigns.web.content.canvas import FRAME_CSP
from campaigns.web.content.preview import render
from campaigns.web.saving import or_404
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence


@bp.get("/brands/preview")
@access("user")
def usual_preview() -> Response:
    """Return the email in the default style, which new brands begin with."""
    return _framed(BrandStyle())


@bp.get("/brands/<public_id>/preview")
@access("user")
def preview(public_id: str) -> Response:
    """Return the email with the style of a brand."""
    return _framed(stored_style(or_404(Brand, public_id).style))


@bp.post("/brands/preview")
@access("user")
def preview_of_form() -> ResponseReturnValue:
    """Return the email with the style in the form, and what is hard to read. Saves nothing.

    Fields with problems are shown with their defaults.
    """
    style, problems = style_from(BrandInput.read(request.form).texts)
    return {
        "html": _email(style),
        "warnings": [sentence(one) for one in low_contrasts(style)],
        "problems": {name: sentence(reason) for name, reason in problems.items()},
    }


def _framed(style: BrandStyle) -> Response:
    answer = Response(_email(style), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = FRAME_CSP
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _email(style: BrandStyle) -> str:
    source = ContentSource("blocks", json.dumps(_document()))
    base_url = services().settings.base_url
    content = sample_content(source, None, base_url=base_url)
    media = files_of(mentions_in([style.logo]).media, base_url=base_url)
    shown = replace(
        content,
        context=replace(content.context, brand=style, media=media),
        postal_address=style.postal_address or load_workspace().postal_address,
    )
    return render(shown, None).html


def _document() -> dict[str, Any]:
    """Return an email that shows everything that a brand decides."""
    link = {"type": "link", "attrs": {"href": "https://www.example.com/"}}
    body: list[dict[str, Any]] = [
        {"type": "logo", "align": "left"},
        {"type": "heading", "level": 1, "content": _rich(_("A headline in your style"))},
        {
            "type": "text",
            "content": _rich(
                _("This is how paragraphs look."),
                {"text": _("And this is a link."), "marks": [link]},
            ),
        },
        {"type": "button", "label": _("Button"), "link": "https://www.example.com/"},
        {"type": "divider"},
        {"type": "heading", "level": 3, "content": _rich(_("A smaller heading"))},
        {"type": "text", "content": _rich(_("Lists, captions and quotes follow the same fonts."))},
    ]
    footer = {"type": "footer", "shows_social": True}
    return {"version": 1, "rows": [_section(body), footer]}


def _section(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "section", "columns": [{"blocks": blocks}]}


def _rich(*texts: str | dict[str, Any]) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    for text in texts:
        if nodes:
            nodes.append({"type": "text", "text": " "})
        nodes.append({"type": "text", **(text if isinstance(text, dict) else {"text": text})})
    return {"type": "doc", "content": [{"type": "paragraph", "content": nodes}]}
