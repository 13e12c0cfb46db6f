"""Rewrite a source as one of another kind.

What is lost depends on the pair: HTML and MJML made from other kinds look the same, but there is
no way back; everything else keeps the text and its links alone.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from campaigns.content.html import tokens
from campaigns.content.html.plain_text import text_of
from campaigns.content.sources.blocks.code import to_html, to_mjml_source
from campaigns.content.sources.blocks.document import FooterRow, new_id
from campaigns.content.sources.blocks.parse import parse
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, SourceContext, SourceKind

Loss = Literal["nothing", "way_back", "design"]
"""What is lost: nothing, the way back to the old kind, or all but the text."""

_MJML = """<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>
%s
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def loss_of(kind: SourceKind, to: SourceKind) -> Loss:
    """Return what is lost by the change from one kind to another."""
    if kind == to or {kind, to} == {"markdown", "text"}:
        return "nothing"
    if (to == "html" and kind != "text") or (kind, to) == ("blocks", "mjml"):
        return "way_back"
    return "design"


def convert(source: ContentSource, to: SourceKind, context: SourceContext) -> ContentSource:
    """Return the source as one of another kind. Never raises."""
    if not source.text.strip():
        return replace(source, kind=to, text=blank(to))
    if loss_of(source.kind, to) == "nothing":
        return replace(source, kind=to)
    if source.kind == "blocks" and to in {"html", "mjml"}:
        return replace(source, kind=to, text=_code_of(source.text, to, context))
    if to == "html" and source.kind != "text":
        return replace(source, kind=to, text=compile_source(source, context).html)
    return replace(source, kind=to, text=_WRITERS[to](_text_of(source, context)))


def blank(kind: SourceKind) -> str:
    """Return an empty source of this kind."""
    return _WRITERS[kind]("") if kind in {"blocks", "mjml"} else ""


def _code_of(text: str, to: SourceKind, context: SourceContext) -> str:
    document, _ = parse(text)
    if document is None:
        return blank(to)
    return to_html(document, context) if to == "html" else to_mjml_source(document, context)


def _text_of(source: ContentSource, context: SourceContext) -> str:
    """Return the text with merge tags and the targets of links."""
    if source.kind in {"markdown", "text"}:
        return source.text
    return text_of(html_without_footer(source, context))


def html_without_footer(source: ContentSource, context: SourceContext) -> str:
    """Return the HTML of a source, of blocks without the footer that every email gets."""
    html = compile_source(source, replace(context, is_canvas=source.kind == "blocks")).html
    if source.kind != "blocks":
        return html
    document, _ = parse(source.text)
    rows = document.rows if document else []
    footer = next((row.id for row in rows if isinstance(row, FooterRow)), "footer")
    begin = html.find(f"b-{footer}", html.find("<body"))
    return html[: html.rfind("<", 0, begin)] if begin > 0 else html


def _as_blocks(text: str) -> str:
    paragraphs: list[dict[str, Any]] = [
        {"type": "paragraph", "content": _lines(part)}
        for part in text.split("\n\n")
        if part.strip()
    ]
    content = {"type": "doc", "content": paragraphs or [{"type": "paragraph"}]}
    block = {"type": "text", "id": new_id(), "content": content}
    column = {"id": new_id(), "blocks": [block]}
    rows = [
        {"type": "section", "id": new_id(), "columns": [column]},
        {"type": "footer", "id": new_id()},
    ]
    return json.dumps({"version": 1, "rows": rows}, ensure_ascii=False)


def _lines(paragraph: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    for line in filter(None, map(str.strip, paragraph.split("\n"))):
        nodes += [{"type": "hardBreak"}] if nodes else []
        nodes += _inline(line)
    return nodes


_MERGE_TAG = re.compile(r'\{\{\s*([\w.]+)(?:\s+or\s+"([^"]*)")?\s*\}\}')


def _inline(line: str) -> Iterator[dict[str, Any]]:
    position = 0
    for tag in _MERGE_TAG.finditer(line):
        if before := line[position : tag.start()]:
            yield {"type": "text", "text": before}
        yield {"type": "mergeTag", "attrs": {"tag": tag[1], "fallback": tag[2] or ""}}
        position = tag.end()
    if rest := line[position:]:
        yield {"type": "text", "text": rest}


def _as_html(text: str) -> str:
    return "\n".join(f"<p>{part}</p>" for part in _escaped_paragraphs(text))


def _as_mjml(text: str) -> str:
    parts = _escaped_paragraphs(text) or [""]
    return _MJML % "\n".join(f"          <p>{part}</p>" for part in parts)


def _escaped_paragraphs(text: str) -> list[str]:
    """Return the paragraphs as HTML; merge tags stay as they are."""
    guarded = tokens.guard(text)
    escaped = guarded.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    paragraphs = guarded.restore(escaped).split("\n\n")
    return ["<br>\n".join(part.strip().split("\n")) for part in paragraphs if part.strip()]


def _as_text(text: str) -> str:
    return text


_WRITERS = {
    "blocks": _as_blocks,
    "markdown": _as_text,
    "html": _as_html,
    "mjml": _as_mjml,
    "text": _as_text,
}
