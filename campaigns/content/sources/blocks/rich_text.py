"""The JSON of the rich text editor, as well-formed HTML.

Accepts the nodes `doc`, `paragraph`, `bulletList`, `orderedList`, `listItem`, `hardBreak`, `text`
and `mergeTag`, and the marks `bold`, `italic`, `underline`, `strike`, `link` and `textColour`.
Anything else is refused by name, so that nothing disappears silently.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.content.brand_style import Palette
from campaigns.content.html.direction import sided
from campaigns.content.sources.blocks.markup import (
    BrokenTagError,
    attribute,
    escaped,
    is_safe_link,
    literal,
)

MAX_DEPTH = 12
"""Deepest nesting of nodes: a list in a list in a list, and some more."""
_COLOUR = re.compile("|".join((r"#[0-9a-fA-F]{6}", *Palette.model_fields)))
_TAG = re.compile(r"[^{}%#]{1,400}")
_SNIPPET = re.compile(r"\{\{\s*snippet\s*[.\[][^{}]*\}\}")
_PLAIN_MARKS = {"bold": "strong", "italic": "em", "underline": "u", "strike": "s"}
_PARAGRAPH = "margin:0 0 12px"
_LAST = "margin:0"
_LIST = "margin:0 0 12px;padding:0 0 0 26px"
_LAST_LIST = "margin:0;padding:0 0 0 26px"
_ITEM = "margin:0 0 6px"

Node = Mapping[str, Any]


class RichTextError(ValueError):
    """Something that a rich text cannot contain. `what` is its name."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code, self.params = code, params


@dataclass(frozen=True, slots=True)
class InlineStyles:
    """How links and coloured text look: each returns the attributes of its element.

    `language` says on which side lists have their bullets.
    """

    link: Callable[[], str]
    colour: Callable[[str], str]
    language: str = ""


def to_html(content: Node, styles: InlineStyles) -> str:
    """Return paragraphs and lists. Raises RichTextError."""
    return "".join(_blocks(_children(content, "doc"), styles, 1))


def to_line(content: Node, styles: InlineStyles) -> str:
    """Return the text of all paragraphs, without elements around it. Raises RichTextError."""
    lines = []
    for node in _children(content, "doc"):
        if _type_of(node) != "paragraph":
            raise RichTextError("blocks.not_in_heading", what=_type_of(node))
        lines.append(_inline(node, styles))
    return "<br/>".join(lines)


def is_blank(content: Node) -> bool:
    """Return whether nothing would be visible. Invalid nodes count as content."""
    return not any(
        not isinstance(node, dict) or node.get("type") == "mergeTag" or _text_in(node).strip()
        for node in _nodes(content)
    )


def words_of(content: Node) -> str:
    """Return the plain text of what `to_html` refuses."""
    return " ".join(filter(None, (_text_in(node) for node in _nodes(content))))


def _nodes(content: object) -> Iterator[object]:
    """Yield all nodes in the order of reading, whatever they are."""
    waiting = [content]
    while waiting:
        node = waiting.pop()
        yield node
        inner = node.get("content") if isinstance(node, dict) else None
        waiting += reversed(inner) if isinstance(inner, list) else []


def _text_in(node: object) -> str:
    text = node.get("text") if isinstance(node, dict) else None
    return text if isinstance(text, str) else ""


def _type_of(node: object) -> str:
    kind = node.get("type") if isinstance(node, dict) else None
    return kind[:40] if isinstance(kind, str) else "?"


def _children(node: object, kind: str) -> list[Node]:
    if not isinstance(node, dict) or node.get("type") != kind:
        raise RichTextError("blocks.unknown_node", what=_type_of(node))
    inner = node.get("content") or []
    if not isinstance(inner, list):
        raise RichTextError("blocks.unknown_node", what=kind)
    return inner


def _blocks(nodes: list[Node], styles: InlineStyles, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise RichTextError("blocks.text_too_deep", most=MAX_DEPTH)
    for index, node in enumerate(nodes):
        is_last, kind = index == len(nodes) - 1, _type_of(node)
        if kind == "paragraph":
            line = _inline(node, styles) or "&nbsp;"
            # A snippet may contain tables, which cannot be in a <p>.
            name = "div" if _SNIPPET.fullmatch(line) else "p"
            yield f'<{name} style="{_LAST if is_last else _PARAGRAPH}">{line}</{name}>'
        elif kind in {"bulletList", "orderedList"}:
            name = "ul" if kind == "bulletList" else "ol"
            items = "".join(_items(_children(node, kind), styles, depth + 1))
            style = sided(_LAST_LIST if is_last else _LIST, styles.language)
            yield f'<{name} style="{style}">{items}</{name}>'
        else:
            raise RichTextError("blocks.unknown_node", what=kind)


def _items(nodes: list[Node], styles: InlineStyles, depth: int) -> Iterator[str]:
    for node in nodes:
        inner = _children(node, "listItem")
        if len(inner) == 1 and _type_of(inner[0]) == "paragraph":
            yield f'<li style="{_ITEM}">{_inline(inner[0], styles)}</li>'
        else:
            yield f'<li style="{_ITEM}">{"".join(_blocks(inner, styles, depth + 1))}</li>'


def _inline(paragraph: Node, styles: InlineStyles) -> str:
    return "".join([_run(node, styles) for node in _children(paragraph, "paragraph")])


def _run(node: object, styles: InlineStyles) -> str:
    kind = _type_of(node)
    if not isinstance(node, dict) or kind not in {"text", "hardBreak", "mergeTag"}:
        raise RichTextError("blocks.unknown_node", what=kind)
    if kind == "hardBreak":
        return "<br/>"
    inner = _merge_tag(node) if kind == "mergeTag" else _text(node)
    marks = node.get("marks") or []
    if not isinstance(marks, list):
        raise RichTextError("blocks.unknown_mark", what="marks")
    return _marked(inner, marks, styles) if marks else inner


def _text(node: Node) -> str:
    text = node.get("text")
    if not isinstance(text, str):
        raise RichTextError("blocks.unknown_node", what="text")
    return _written(text, escaped)


def _written(text: str, write: Callable[[str], str]) -> str:
    try:
        return write(text)
    except BrokenTagError as error:
        raise RichTextError(error.code) from error


def _merge_tag(node: Node) -> str:
    attrs = _attrs(node)
    tag, fallback = attrs.get("tag"), attrs.get("fallback") or ""
    if not isinstance(tag, str) or not isinstance(fallback, str) or not _TAG.fullmatch(tag):
        raise RichTextError("blocks.bad_merge_tag")
    otherwise = f" or {literal(fallback)}" if fallback else ""
    return f"{{{{ {tag.strip()}{otherwise} }}}}"


def _attrs(node: Node) -> Node:
    attrs = node.get("attrs")
    return attrs if isinstance(attrs, dict) else {}


def _marked(inner: str, marks: list[object], styles: InlineStyles) -> str:
    """Put the elements of the marks around a text: the link is outside, so that it is one."""
    by_kind: dict[str, Node] = {_type_of(mark): mark for mark in marks if isinstance(mark, dict)}
    if unknown := by_kind.keys() - _PLAIN_MARKS.keys() - {"link", "textColour"}:
        raise RichTextError("blocks.unknown_mark", what=min(unknown))
    for kind, name in _PLAIN_MARKS.items():
        if kind in by_kind:
            inner = f"<{name}>{inner}</{name}>"
    if mark := by_kind.get("textColour"):
        inner = f"<span{styles.colour(_colour(mark))}>{inner}</span>"
    if mark := by_kind.get("link"):
        inner = f'<a href="{_href(mark)}"{styles.link()}>{inner}</a>'
    return inner


def _colour(mark: Node) -> str:
    colour = _attrs(mark).get("colour")
    if not isinstance(colour, str) or not _COLOUR.fullmatch(colour):
        raise RichTextError("blocks.bad_colour", value=str(colour)[:40])
    return colour.lower()


def _href(mark: Node) -> str:
    href = _attrs(mark).get("href")
    if not isinstance(href, str) or not is_safe_link(href):
        raise RichTextError("blocks.unsafe_link", url=str(href)[:80])
    return _written(href, attribute)
