"""Texts of a document as markup: escaped, with their merge tags kept."""

import html
import json
import re
from collections.abc import Callable, Iterator

from campaigns.content.html import tokens
from campaigns.content.html.links import SAFE_SCHEMES, clean_url

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_REFERENCED = re.compile(r"[^\w\s!-\[\]-~]|[\\]|[^\S \n]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_PATH = re.compile(r"[a-z_][a-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*|\[\"[^\"\\{}%#]{1,100}\"\])*")


class BrokenTagError(ValueError):
    """A merge tag is not written as one. `code`: that of the problem."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def escaped(text: str) -> str:
    """Return plain text for an element. Raises BrokenTagError."""
    return _kept(text, _in_element)


def attribute(text: str) -> str:
    """Return plain text for a quoted attribute. Raises BrokenTagError."""
    return _kept(text, _in_attribute)


def _in_element(text: str) -> str:
    return html.escape(_CONTROL.sub("", text))


def _in_attribute(text: str) -> str:
    """Escape characters that the MJML compiler would write as escapes of its own in attributes."""
    return _REFERENCED.sub(lambda found: f"&#{ord(found[0])};", _in_element(text))


def _kept(text: str, escape: Callable[[str], str]) -> str:
    return "".join(_pieces(text, escape)) if "{" in text else escape(text)


def _pieces(text: str, escape: Callable[[str], str]) -> Iterator[str]:
    guarded = tokens.guard(tokens.normalise(text))
    position = 0
    for mark in tokens.MARK.finditer(guarded.text):
        yield escape(guarded.text[position : mark.start()])
        token = guarded.token(mark)
        if not token.is_closed:
            raise BrokenTagError("template.tag_not_closed")
        if token.has_three_braces:
            raise BrokenTagError("template.three_braces")
        if token.kind != "comment":
            yield token.source
        position = mark.end()
    yield _without_open_end(escape(guarded.text[position:]))


def _without_open_end(text: str) -> str:
    """A brace at the end must not join the text after it."""
    return text[:-1] + "&#123;" if text.endswith("{") else text


def without_tags(text: str) -> str:
    """Return plain text for an element in which nothing is a merge tag."""
    return _in_element(text).replace("{", "&#123;").replace("}", "&#125;")


def is_path(name: str) -> bool:
    """Return whether this names a merge tag: `subscriber.city`."""
    return _PATH.fullmatch(name) is not None


def literal(text: str) -> str:
    """Return a text as a string of the template language."""
    return json.dumps(text, ensure_ascii=False)


def is_safe_link(url: str) -> bool:
    """Return whether a link may be used: its scheme is known, or a merge tag decides it."""
    url = clean_url(url)
    if url.startswith(("{{", "#")):
        return True
    scheme = _SCHEME.match(url)
    return scheme is not None and scheme[1].lower() in SAFE_SCHEMES


def is_safe_image(url: str) -> bool:
    """Return whether an image may be loaded from here."""
    return clean_url(url)[:8].lower().startswith(("https://", "http://", "{{"))
