"""A language for tests: every message accented, in brackets, and 40% longer.

Text on a page without brackets does not go through gettext; text that no longer fits leaves no
room for other languages.
"""

import importlib.machinery
import importlib.util
import re
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask

from campaigns.wording import catalog
from tests.architecture.bare_text import SHOWN_ATTRIBUTES
from tests.architecture.source import ROOT

LOCALE = "en_GB"
"""A language that Babel knows, so that it can format numbers and dates."""
GROWTH = 0.4

_KEPT = re.compile(r"%\([a-z_]+\)[sd]|%%|</?[a-z][^>]*>|&[a-z]+;|\s+")
"""Parameters, tags and spaces, which translators keep as well."""
_ACCENTED = str.maketrans("aceinorsuyACEINOSUY", "áçéíñóřšúýÁÇÉÍÑÓŠÚÝ")


def pseudo(text: str) -> str:
    """Return the translation of a message: "Hello" becomes "[Hélló ··]"."""
    kept = _KEPT.findall(text)
    words = [part.translate(_ACCENTED) for part in _KEPT.split(text)]
    longer = "".join(word + mark for word, mark in zip(words, [*kept, ""], strict=True))
    return f"[{longer} {'·' * max(1, round(GROWTH * len(text)))}]" if text.strip() else text


@cache
def collector() -> ModuleType:
    """Return bin/messages as a module."""
    loader = importlib.machinery.SourceFileLoader("messages", str(ROOT / "bin" / "messages"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@cache
def messages() -> Catalog:
    """Return what bin/messages has stored: to search every template and module takes seconds."""
    with collector().TARGET.open("rb") as file:
        return read_po(file)


@cache
def _compiled_catalog() -> bytes:
    """Return every message and its translation, as a .mo file."""
    found = Catalog(locale=LOCALE)
    for message in messages():
        if not message.id:
            continue
        if isinstance(message.id, str):
            text: str | tuple[str, ...] = pseudo(message.id)
        else:
            text = tuple(pseudo(form) for form in message.id)
        found.add(message.id, text, context=message.context)
    out = BytesIO()
    write_mo(out, found)
    return out.getvalue()


def speak_pseudo(app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an app answer every request in the language."""
    add_pseudo(app, folder, monkeypatch)
    app.extensions["babel"].locale_selector = lambda: LOCALE


def add_pseudo(app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the language available to pages and emails; its catalogue is written to `folder`."""
    file = folder / LOCALE / "LC_MESSAGES" / "messages.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(_compiled_catalog())
    app.extensions["babel"].translation_directories = [str(folder)]
    monkeypatch.setattr(catalog, "DIRECTORY", folder)
    catalog.catalog.cache_clear()


# --- what is left in English ----------------------------------------------------------------

_BRACKETED = re.compile(r"\[[^\[\]]*\]")
_BETWEEN = "\x1f"
_WORD = re.compile(r"[^\W\d_]{2,}")
_DATES = re.compile(
    r"\b(?:\d+ (?:second|minute|hour|day|week|month|byte)s?(?: ago)?|\d* ?[KMk]?B"
    r"|(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)|per (?:second|minute|hour|day))\b"
)
"""The words that `formatting` writes come from CLDR."""
NO_TEXT = {"script", "style", "code", "textarea", "pre", "address", "bdi", "time"}
"""Elements that hold data or names of commands."""


class _Shown(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._ignored: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in NO_TEXT or "data-verbatim" in values:
            self._ignored.append(tag)
        self.texts += [values[name] or "" for name in SHOWN_ATTRIBUTES & values.keys()]

    def handle_endtag(self, tag: str) -> None:
        if self._ignored and self._ignored[-1] == tag:
            self._ignored.pop()

    def handle_data(self, data: str) -> None:
        if not self._ignored:
            self.texts.append(data)


def english_left(page: str, data: set[str]) -> list[str]:
    """Texts on a page that are neither translated nor data of the test."""
    shown = _Shown()
    shown.feed(page)
    whole = _BETWEEN.join(shown.texts)  # a message may contain elements
    while _BRACKETED.search(whole):
        whole = _BRACKETED.sub("", whole)
    for known in sorted(data, key=len, reverse=True):
        whole = whole.replace(known, "")
    texts = _DATES.sub("", whole).split(_BETWEEN)
    return [" ".join(text.split()) for text in texts if _WORD.search(text)]
