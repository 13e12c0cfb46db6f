"""An HTML parser that reports the position of everything, and changes nothing.

It reads email as it is in practice: it also looks inside conditional comments for Outlook, as their
links count too. Its time is linear in the length of any text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from campaigns.content.html.tokens import MARK

_MARKUP = re.compile(r"<(?=/?[A-Za-z]|[!?])")
_REST_OF_TAG = re.compile(r"""(?:[^>"']++|"[^"]*+"|'[^']*+')*+>?""")
_STRAY = re.compile(r"""[=\s]++(?:"[^"]*+"|'[^']*+'|(?!["']))|[^=\s]""")
_BLANK_OR_SLASH = re.compile(r"[\s/]*+")
_NAME = re.compile(r"[A-Za-z][^\s/>]*+")
_ATTRIBUTE = re.compile(
    r"""[\s/]*+([^\s/>=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)))?"""
)
_CONDITION = re.compile(r"<!--\[if [^\]]{0,200}+\]>(?:<!-->|-->)?", re.IGNORECASE)
MAX_ATTRIBUTES = 100
RAW_TEXT = frozenset({"script", "style", "title", "textarea", "xmp"})
_RAW_END = {name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE) for name in RAW_TEXT}
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """`start` and `end` enclose the raw value, without its quotes. `quote` may be empty."""

    name: str
    value: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class HtmlTag:
    """A start or end tag. `is_hidden`: inside a comment that only Outlook reads."""

    name: str
    start: int
    end: int
    is_end: bool
    is_hidden: bool
    attributes: tuple[Attribute, ...] = ()

    def get(self, name: str) -> Attribute | None:
        """Return the first attribute of this name."""
        return next((entry for entry in self.attributes if entry.name == name), None)


@dataclass(frozen=True, slots=True)
class Text:
    """Text between tags; `raw_of` names the element when it is one of script, style ..."""

    start: int
    end: int
    is_hidden: bool
    raw_of: str = ""


def read(html: str) -> Iterator[HtmlTag | Text]:
    """Yield the parts of the document in order, except comments and declarations."""
    position, is_hidden = 0, False
    while position < len(html):
        found = _MARKUP.search(html, position)
        start = found.start() if found else len(html)
        if is_hidden and (end := html.find("-->", position, start + 3)) >= 0:
            # The end of a conditional comment that has no <![endif] before it.
            yield Text(position, end, True)
            position, is_hidden = end + 3, False
            continue
        if start > position:
            yield Text(position, start, is_hidden)
        if start == len(html):
            return
        after = html[start + 1 : start + 2]
        if after in {"!", "?"}:
            position, is_hidden = _declaration(html, start, is_hidden)
            continue
        tag = read_tag(html, start, is_hidden=is_hidden)
        yield tag
        position = tag.end
        if tag.name in RAW_TEXT and not tag.is_end:
            closed = _RAW_END[tag.name].search(html, position)
            end = closed.start() if closed else len(html)
            yield Text(position, end, is_hidden, tag.name)
            position = end


def read_whole(html: str) -> tuple[list[HtmlTag | Text], int | None]:
    """Return the parts of the document, and the position of an unclosed construct, if any.

    Anything inserted after an unclosed comment, tag or style sheet would be invisible.
    """
    parts = list(read(html + "<x-end>"))
    last = parts.pop() if parts else None
    if isinstance(last, HtmlTag) and last.name == "x-end" and not last.is_hidden:
        return parts, None
    return parts, min(parts[-1].end if parts else 0, len(html))


def _declaration(html: str, start: int, is_hidden: bool) -> tuple[int, bool]:
    """Skip a comment, a doctype, <![endif]-->. Returns (next position, hidden)."""
    condition = _CONDITION.match(html, start)
    if condition:
        is_revealed = condition[0].endswith("-->") or condition[0].endswith("<!-->")
        return condition.end(), is_hidden if is_revealed else True
    if html.startswith("<!--", start):
        if html.startswith(("<!-->", "<!--->"), start):
            return html.index(">", start) + 1, is_hidden
        end = html.find("-->", start + 4)
        return (end + 3 if end >= 0 else len(html)), False
    end = html.find(">", start)
    end = end + 1 if end >= 0 else len(html)
    if html[start:end].lower() == "<![endif]-->":
        is_hidden = False
    return end, is_hidden


def _end_of_blank(html: str, position: int) -> int:
    found = _BLANK_OR_SLASH.match(html, position)
    return found.end() if found else position


def read_tag(html: str, start: int, *, is_hidden: bool = False) -> HtmlTag:
    """Return the tag that begins at this position, `<` and a letter or `/`."""
    is_end = html.startswith("/", start + 1)
    named = _NAME.search(html, start + 1)
    name = named[0].lower() if named else ""
    attributes: list[Attribute] = []
    position = named.end() if named else len(html)
    while position < len(html):
        if len(attributes) == MAX_ATTRIBUTES:
            rest = _REST_OF_TAG.match(html, position)
            position = rest.end() if rest else len(html)
            break
        found = _ATTRIBUTE.match(html, position)
        if found is None:
            # The end of the tag, or a stray character to skip.
            end = _end_of_blank(html, position)
            if end >= len(html) or html[end] == ">":
                position = min(end + 1, len(html))
                break
            stray = _STRAY.match(html, end)
            # An unclosed quote extends to the end, as in a browser.
            position = stray.end() if stray else len(html)
            continue
        position = found.end()
        group = found.lastindex or 1
        key = MARK.sub("", found[1]).lower()
        quote = {2: '"', 3: "'"}.get(group, "")
        value_at = found.span(group) if group > 1 else (position, position)
        value = found[group] if group > 1 else ""
        attributes.append(Attribute(key, value, *value_at, quote))
    return HtmlTag(name, start, position, is_end, is_hidden, tuple(attributes))
