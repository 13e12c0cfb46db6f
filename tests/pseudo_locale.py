"""A language for tests: every message accented, in brackets, and 40% longer.

Text on a page without brackets does not go through gettext; text that no longer fits leaves no
room for other languages.
"""

import importlib.machinery
import importlib.util
import re
from functools import cache
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from flask import Flask

from campaigns.wording import catalog
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
def _compiled_catalog() -> bytes:
    """Return every message and its translation, as a .mo file."""
    found = Catalog(locale=LOCALE)
    for message in collector().extracted():
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
