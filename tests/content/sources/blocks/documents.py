"""Documents of blocks for tests, in few words."""

import json
from typing import Any

from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext

Json = dict[str, Any]


def words(text: str, *marks: Json) -> Json:
    """Return a run of text with marks."""
    return {"type": "text", "text": text, "marks": list(marks)} if marks else _plain(text)


def _plain(text: str) -> Json:
    return {"type": "text", "text": text}


def mark(kind: str, **attrs: str) -> Json:
    """Return a mark: `mark("link", href="https://...")`."""
    return {"type": kind, "attrs": attrs}


def tag(name: str, fallback: str = "") -> Json:
    """Return a merge tag in a rich text."""
    return {"type": "mergeTag", "attrs": {"tag": name, "fallback": fallback}}


def paragraph(*runs: Json) -> Json:
    """Return a paragraph of a rich text."""
    return {"type": "paragraph", "content": list(runs)}


def rich(*content: Json | str) -> Json:
    """Return a rich text of paragraphs; a string is one of them."""
    return {
        "type": "doc",
        "content": [paragraph(words(one)) if isinstance(one, str) else one for one in content],
    }


def block(kind: str, **fields: Any) -> Json:
    """Return a block."""
    return {"type": kind, **fields}


def section(*blocks: Json, **fields: Any) -> Json:
    """Return a section with one column."""
    return {"type": "section", "columns": [{"blocks": list(blocks)}], **fields}


def document(*rows: Json, **fields: Any) -> Json:
    """Return a document. Blocks are put into a section each."""
    whole = [row if row["type"] in {"section", "saved", "footer"} else section(row) for row in rows]
    return {"version": 1, "rows": whole, **fields}


def compiled(*rows: Json, context: SourceContext | None = None, **fields: Any) -> CompiledPage:
    """Return the page of a document."""
    return compiled_text(json.dumps(document(*rows, **fields)), context)


def compiled_text(text: str, context: SourceContext | None = None) -> CompiledPage:
    """Return the page of the text of a document."""
    return compile_source(ContentSource("blocks", text), context or SourceContext())


def codes(page: CompiledPage) -> list[str]:
    """Return the codes of the page's problems."""
    return [problem.reason.code for problem in page.problems]
