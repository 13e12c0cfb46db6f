"""Measure how deep the elements of a page are nested, before a recursive parser reads it."""

from collections.abc import Iterable

from campaigns.content.html.scanner import VOID, HtmlTag

MAX_DEPTH = 100
"""Levels of elements. Real emails have about 30; the parsers that we use crash at about 1,000."""

_OPTIONAL_END = frozenset(
    {
        "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup",
        "html", "head", "body", "colgroup", "caption", "rt", "rp",
    }
)  # fmt: skip
"""Elements that others end: a page may have thousands without end tags."""
_FORMATTING = frozenset(
    {
        "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt",
        "u",
    }
)  # fmt: skip
"""Elements that browsers open again in the next block until they are ended."""
_CELLS = frozenset({"td", "th", "caption"})
_SCOPES = frozenset(
    {"table", "object", "applet", "marquee", "template", "select", "svg", "math", "foreignobject"}
)
"""An end tag inside these does not end an element outside."""


def too_deep(tags: Iterable[HtmlTag]) -> HtmlTag | None:
    """Return the first tag that is nested deeper than MAX_DEPTH, if any."""
    nesting = _OpenElements()
    for tag in tags:
        if not tag.is_hidden and tag.name not in VOID:
            nesting.add(tag)
            if nesting.depth > MAX_DEPTH:
                return tag
    return None


class _OpenElements:
    """Counts open elements: at least those that a browser has open, without optional ends.

    `formatting` counts open formatting elements, by the place where they were opened.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.formatting: list[tuple[str, int]] = [("page", 0)]

    @property
    def depth(self) -> int:
        return len(self.names) + sum(count for _, count in self.formatting)

    def add(self, tag: HtmlTag) -> None:
        if tag.name in _FORMATTING:
            self._format(-1 if tag.is_end else 1)
        elif tag.name in _CELLS:
            self._cell(is_end=tag.is_end)
        elif tag.name in _OPTIONAL_END:
            return
        elif tag.is_end:
            self._end(tag.name)
        else:
            self.names.append(tag.name)
            if tag.name == "table":
                self.formatting.append(("table", 0))

    def _format(self, more: int) -> None:
        place, count = self.formatting[-1]
        self.formatting[-1] = (place, max(0, count + more))

    def _cell(self, *, is_end: bool) -> None:
        """Forget the formatting of the cell before: a cell ends what was opened in it."""
        if self.formatting[-1][0] == "cell":
            self.formatting.pop()
        if not is_end and self.formatting[-1][0] == "table":
            self.formatting.append(("cell", 0))

    def _end(self, name: str) -> None:
        if self.names and self.names[-1] == name != "table":
            self.names.pop()
            return
        first = 0
        if name != "table":
            scopes = (at for at, opened in enumerate(self.names) if opened in _SCOPES)
            first = max(scopes, default=0)
        if name not in self.names[first:]:
            return
        while self.names.pop() != name:
            pass
        if name == "table":
            self._end_table()

    def _end_table(self) -> None:
        place, count = "", 0
        while place != "table":
            place, count = self.formatting.pop()
        # Formatting between the cells of a table continues after it.
        self._format(count)
