"""The text of a system email, as its author writes it: paragraphs with links and merge tags.

Paragraphs are separated by empty lines. A paragraph that is only a link becomes a button.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TAG = re.compile(r"\{\{\s*([a-z_]+(?:\.[a-z_]+)?)\s*(?:\bor\s*[\"“”]([^\"“”{}]*)[\"“”]\s*)?\}\}")
_SIGNS = re.compile(r"\{\{|\}\}|\{%|%\}|\{#")
_URL = re.compile(r"https?://[^\s<>\"{}]+[^\s<>\"{}.,;:!?)\]]")
_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
_LINK_TAG = "_url"
_JOINED = re.compile(r"\{(?=[{%#])|(?<=[}%#])\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line. `url`: what it leads to, if it is a link."""

    text: str
    url: str = ""


Line = Sequence[Piece]
Paragraph = Sequence[Line]


def unknown_tag(text: str, known: Collection[str]) -> str:
    """Return a merge tag that is not among these, or another template delimiter; "" if none.

    Nothing else of the language works here: no conditions, loops or filters.
    """
    for found in _TAG.finditer(text):
        if found[1] not in known:
            return found[0]
    rest = _SIGNS.search(_TAG.sub("", text))
    return rest[0] if rest else ""


def has_tag(text: str, name: str) -> bool:
    """Return whether the text shows this merge tag."""
    return any(found[1] == name for found in _TAG.finditer(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with the values of its merge tags."""
    return "".join(piece.text for piece in _pieces(text, values))


def paragraphs(text: str, values: Mapping[str, str]) -> list[Paragraph]:
    """Return the text in parts. URLs in it are links, those in values only for tags in `_url`."""
    return [
        [list(_pieces(line.strip(), values)) for line in paragraph.split("\n")]
        for paragraph in _PARAGRAPHS.split(text.strip())
    ]


def action_of(paragraph: Paragraph) -> str:
    """Return the address that a paragraph consists of; "" if it is a text."""
    pieces = [piece for line in paragraph for piece in line if piece.text]
    return pieces[0].url if len(pieces) == 1 else ""


def as_text(found: Sequence[Paragraph]) -> str:
    """Return the paragraphs as plain text."""
    return "\n\n".join(
        "\n".join("".join(piece.text for piece in line) for line in paragraph)
        for paragraph in found
    )


def as_rich_text(found: Sequence[Paragraph]) -> dict[str, Any]:
    """Return the paragraphs in the form of the rich text editor."""
    return {"type": "doc", "content": [_node(paragraph) for paragraph in found]}


def literal(text: str) -> str:
    """Return a text in which nothing looks like a merge tag, with an invisible joiner."""
    return _JOINED.sub(lambda brace: f"\u2060{brace[0]}\u2060", text)


def _node(paragraph: Paragraph) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    for line in paragraph:
        if nodes:
            nodes.append({"type": "hardBreak"})
        nodes += [_text_node(piece) for piece in line if piece.text]
    return {"type": "paragraph", "content": nodes}


def _text_node(piece: Piece) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": literal(piece.text)}
    if piece.url:
        node["marks"] = [{"type": "link", "attrs": {"href": piece.url}}]
    return node


def _pieces(text: str, values: Mapping[str, str]) -> Iterator[Piece]:
    position = 0
    for found in _TAG.finditer(text):
        yield from _linked(text[position : found.start()])
        value = values.get(found[1], "") or found[2] or ""
        yield Piece(value, value if found[1].endswith(_LINK_TAG) else "")
        position = found.end()
    yield from _linked(text[position:])


def _linked(text: str) -> Iterator[Piece]:
    position = 0
    for found in _URL.finditer(text):
        yield Piece(text[position : found.start()])
        yield Piece(found[0], found[0])
        position = found.end()
    yield Piece(text[position:])
