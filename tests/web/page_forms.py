"""What a browser would send for the form of a page that nobody touched."""

from html.parser import HTMLParser
from typing import Any


class _Inputs(HTMLParser):
    def __init__(self, action: str, at: str, *, everywhere: bool) -> None:
        super().__init__()
        self.action, self.at, self.is_template = action, at, False
        self.is_inside = everywhere
        self.found: dict[str, list[str]] = {}
        self.select, self.textarea = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self.is_inside = given.get("method") == "post" and self.action in given.get(
                "action", self.at
            )
        elif tag == "template":
            self.is_template = True
        elif not self.is_inside or self.is_template:
            return
        elif tag == "select":
            self.select = name
        elif tag == "textarea":
            self.textarea = name
            self._add(name, "")
        elif tag == "option" and "selected" in given:
            self._add(self.select, given.get("value", ""))
        elif tag == "input":
            is_tick = given.get("type") in {"checkbox", "radio"}
            if not is_tick or "checked" in given:
                self._add(name, given.get("value", "on" if is_tick else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "template":
            self.is_template = False
        elif tag == "textarea":
            self.textarea = ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.found[self.textarea][-1] += data.removeprefix("\n")

    def _add(self, name: str, value: str) -> None:
        if name:
            self.found.setdefault(name, []).append(value)


def inputs_of(
    page: str, action: str = "", *, at: str = "", everywhere: bool = False
) -> dict[str, Any]:
    """Return the inputs of the forms on a page that are sent by POST to `action`, by name.

    `at`: the path of the page, if it is another; a form without an action is sent there.
    `everywhere`: the page is a part of a form, without its tags.
    """
    reader = _Inputs(action, at or action, everywhere=everywhere)
    reader.feed(page)
    return reader.found
