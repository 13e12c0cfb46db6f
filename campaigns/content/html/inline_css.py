"""Move the rules of style sheets into the elements, for email clients that ignore style sheets.

Only `style` attributes change; every other byte stays. The library that matches selectors parses
HTML as browsers do, which moves merge tags out of tables and rearranges broken pages. So it gets a
copy in which every element has a number and no merge tags, and only the styles of each number are
taken from its result. Style sheets stay in the page too, for `@media`, `@font-face` and the like.
"""

import html as entities
import re
from collections.abc import Iterable, Iterator, Sequence

import css_inline

from campaigns.content.html.css_work import work
from campaigns.content.html.links import Edit, apply
from campaigns.content.html.nesting import too_deep
from campaigns.content.html.scanner import Attribute, HtmlTag, Text, read
from campaigns.content.html.tokens import (
    CLOSE,
    MARK,
    OPEN,
    Guarded,
    guard,
    new_word,
    normalise,
    separate_css,
)

MAX_HTML = 512 * 1024
MAX_WORK = 1_000_000
"""Largest number of declarations to move, which takes about a second (`css_work`)."""
KEEP_SHEET = "data-css-inline"
"""Style sheets with this attribute are left alone."""
_STYLE = re.compile(r' style="([^"]*)"')
_NAME = re.compile(r"[^\s/>]+")
_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9:_-]*")
_SIMPLE_STYLE = re.compile(r"(?:\s*[a-z-]+\s*:[^;:{}\\\"']+(?:;|\Z))+\s*", re.IGNORECASE)
_INLINER = css_inline.CSSInliner(
    keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False
)


class TooMuchCssError(ValueError):
    """Moving the rules of the style sheets would take too long, or make the page too large."""


def inline(html: str) -> str:
    """Return the page with the rules of its style sheets in its elements.

    Merge tags stay where they are. Rules that depend on conditions or loops stay in their style
    sheet. A page without style sheets, one over MAX_HTML and one that is nested too deep
    (`nesting.too_deep`) is returned as it is. Nothing is ever loaded. Raises TooMuchCssError.
    """
    return html if "<style" not in html.lower() else _inlined(html, "")


def inline_sheet(html: str, css: str) -> str:
    """Return a piece of a page with the rules of a style sheet that is not part of it.

    Raises TooMuchCssError.
    """
    return _inlined(html, css)


def _inlined(html: str, css: str) -> str:
    if len(html) > MAX_HTML:
        return html
    guarded = guard(separate_css(normalise(html)))
    parts = list(read(guarded.text))
    tags = [part for part in parts if isinstance(part, HtmlTag)]
    if too_deep(tags) is not None:
        return html
    copy = _Copy(guarded)
    sheet = f"<style>{css}</style>" if css else ""
    page = sheet + copy.of(parts)
    if work(" ".join([css, *copy.sheets]), (tag for tag in tags if not tag.is_hidden)) > MAX_WORK:
        raise TooMuchCssError
    try:
        styled = _INLINER.inline(_without_surrogates(page))
    except css_inline.InlineError:
        return html
    edits = _edits(guarded, tags, copy.styles(styled))
    return guarded.restore(apply(guarded.text, edits))


def _without_surrogates(text: str) -> str:
    """Return text without lone surrogates, which no other program accepts."""
    return text.encode("utf-8", "replace").decode("utf-8")


class _Copy:
    """The page for the library: numbered elements, and words in place of merge tags.

    `sheets`: its style sheets.
    """

    def __init__(self, guarded: Guarded) -> None:
        self.sheets: list[str] = []
        self._guarded = guarded
        self._word = new_word()
        self._number = f"data-{self._word}"

    def of(self, parts: Iterable[HtmlTag | Text]) -> str:
        return "".join(self._pieces(parts))

    def styles(self, styled: str) -> Iterator[tuple[int, str]]:
        """Yield (number, style) from the library's result, with marks again."""
        words = re.compile(rf"{self._word}(\d+)z")
        elements = re.compile(rf' {self._number}="(\d+)"((?: [^\s=>"]+="[^"]*")*)')
        for found in elements.finditer(styled):
            style = _STYLE.search(found[2])
            if style is not None:
                yield int(found[1]), words.sub(rf"{OPEN}\1{CLOSE}", style[1])

    def _pieces(self, parts: Iterable[HtmlTag | Text]) -> Iterator[str]:
        number, keeps_sheet = 0, False
        for part in parts:
            if isinstance(part, HtmlTag):
                if not part.is_hidden:
                    yield self._tag(part, number)
                number += 1
                keeps_sheet = part.name == "style" and part.get(KEEP_SHEET) is not None
            elif part.raw_of == "style" and not part.is_hidden and not keeps_sheet:
                css = self._guarded.text[part.start : part.end]
                if not self._has_statement(css):
                    self.sheets.append(self._words(css))
                    yield self.sheets[-1]

    def _tag(self, tag: HtmlTag, number: int) -> str:
        name = self._words(tag.name)
        if tag.is_end:
            return f"</{name}>"
        attributes = "".join(
            f' {entry.name}="{self._words(_quoted(entry, entry.value))}"'
            for entry in tag.attributes
            if self._is_certain(tag, entry)
        )
        return f'<{name} {self._number}="{number}"{attributes}>'

    def _is_certain(self, tag: HtmlTag, entry: Attribute) -> bool:
        """Return whether the attribute is the same for everyone, apart from values in it."""
        if not _ATTRIBUTE_NAME.fullmatch(entry.name) or self._has_statement(entry.value):
            return False
        if entry.name == "style" and not is_simple(entry):
            return False
        before = self._guarded.text[tag.start : entry.start]
        return not self._has_statement(before)

    def _has_statement(self, text: str) -> bool:
        return any(self._guarded.token(mark).kind == "statement" for mark in MARK.finditer(text))

    def _words(self, text: str) -> str:
        return MARK.sub(lambda mark: f"{self._word}{mark[1]}z", text)


def is_simple(style: Attribute) -> bool:
    """Return whether a style can be merged with others without losing any part of it."""
    return MARK.search(style.value) is None and _SIMPLE_STYLE.fullmatch(style.value) is not None


def _quoted(entry: Attribute, value: str) -> str:
    return value.replace('"', "&quot;") if entry.quote != '"' else value


def _edits(
    guarded: Guarded, tags: Sequence[HtmlTag], styles: Iterable[tuple[int, str]]
) -> Iterator[Edit]:
    for number, style in dict(reversed(list(styles))).items():  # an element may be there twice
        tag = tags[number]
        own = tag.get("style")
        if own is None:
            name = _NAME.match(guarded.text, tag.start + 1)
            at = name.end() if name else tag.start + 1
            yield at, at, f' style="{style}"'
            continue
        if not is_simple(own):
            style = f"{style.rstrip('; ')};{_quoted(own, own.value)}"
        if entities.unescape(style).rstrip("; ") != entities.unescape(own.value).rstrip("; "):
            quote = own.quote or '"'
            written = style if own.quote != "'" else style.replace("'", "&#39;")
            yield own.start, own.end, written if own.quote else f"{quote}{written}{quote}"
