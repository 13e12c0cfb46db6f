"""Snippets: HTML with merge tags that content of any kind shows as `{{ snippet.<key> }}`.

Plain text is stored as HTML too; it is edited as text as long as its HTML contains nothing else.
"""

import html
import re
from datetime import datetime

import sqlalchemy as sa

from campaigns.content.html import tokens
from campaigns.content.library.models import Snippet
from campaigns.db import db
from campaigns.inputs import key_from, one_line
from campaigns.reason import ReasonError

MAX_NAME = 100
MAX_KEY = 40
MAX_SOURCE = 64 * 1024
"""Longest HTML, in bytes."""
_KEY = re.compile(r"[a-z][a-z0-9_]*")


class SnippetError(ReasonError):
    """The snippet cannot be saved, or was deleted."""


class SnippetConflictError(SnippetError):
    """Someone else saved a newer version first; nothing was saved."""

    def __init__(self) -> None:
        super().__init__("library.changed_meanwhile")


def find(public_id: str) -> Snippet | None:
    """Find a snippet, read again even if this session has it already."""
    return db.session.scalar(
        sa.select(Snippet)
        .where(Snippet.public_id == public_id)
        .execution_options(populate_existing=True)
    )


def matching(text: str = "") -> sa.Select[Snippet]:
    """Select the snippets whose name or key contains the text."""
    found = sa.select(Snippet)
    if not text:
        return found
    return found.where(
        sa.or_(*(one.icontains(text, autoescape=True) for one in (Snippet.name, Snippet.key)))
    )


def create(key: str, name: str, source: str, *, now: datetime) -> Snippet:
    """Create a snippet. Without a key, it gets one made from its name. Raises SnippetError."""
    name = _checked_name(name)
    snippet = Snippet(
        key=_checked_key(key) if key.strip() else _free_key(name),
        name=name,
        source=_checked_source(source),
        created_at=now,
        updated_at=now,
    )
    db.session.add(snippet)
    db.session.flush()
    return snippet


def save(snippet_id: int, version: int, *, name: str, source: str, now: datetime) -> int:
    """Change a snippet of this version; returns the new one. Its key stays: content refers to it.

    Raises SnippetConflictError if someone saved a newer one, SnippetError for bad input.
    """
    new_version: int | None = db.session.scalar(
        sa.update(Snippet)
        .where(Snippet.id == snippet_id, Snippet.version == version)
        .values(
            name=_checked_name(name),
            source=_checked_source(source),
            version=version + 1,
            updated_at=now,
        )
        .returning(Snippet.version),
        execution_options={"synchronize_session": False},
    )
    db.session.expire_all()
    if new_version is not None:
        return new_version
    if db.session.get(Snippet, snippet_id) is None:
        raise SnippetError("library.snippet_gone")
    raise SnippetConflictError


def delete(snippet_id: int) -> None:
    """Delete a snippet. The caller reports what refers to it."""
    db.session.execute(sa.delete(Snippet).where(Snippet.id == snippet_id))


def html_of(text: str) -> str:
    """Return plain text as HTML: one paragraph as it is, several as elements."""
    guarded = tokens.guard(text.replace("\r\n", "\n"))
    escaped = guarded.restore(html.escape(guarded.text, quote=False))
    paragraphs = [part.strip() for part in re.split(r"\n{2,}", escaped) if part.strip()]
    lines = ["<br>\n".join(part.split("\n")) for part in paragraphs]
    return "\n\n".join(f"<p>{one}</p>" for one in lines) if len(lines) > 1 else "".join(lines)


def text_of(source: str) -> str | None:
    """Return the plain text that HTML was made from; None if the HTML says more than that."""
    guarded = tokens.guard(source.removeprefix("<p>").removesuffix("</p>"))
    plain = guarded.text.replace("</p>\n\n<p>", "\n\n").replace("<br>\n", "\n")
    text = guarded.restore(html.unescape(plain))
    return text if html_of(text) == source else None


def _free_key(name: str) -> str:
    """Return a key made from the name, with a number if it is taken."""
    free = key = key_from(name, most=MAX_KEY, otherwise="snippet")
    alike = Snippet.key.startswith(key[: MAX_KEY - 4], autoescape=True)
    taken = set(db.session.scalars(sa.select(Snippet.key).where(alike)))
    number = 1
    while free in taken:
        number += 1
        free = f"{key[: MAX_KEY - 4]}_{number}"
    return free


def _checked_key(key: str) -> str:
    key = key.strip().lower()
    if not _KEY.fullmatch(key) or len(key) > MAX_KEY:
        raise SnippetError("library.bad_key", field="key", most=MAX_KEY)
    if db.session.scalar(sa.select(Snippet.id).where(Snippet.key == key)) is not None:
        raise SnippetError("library.key_taken", field="key", key=key)
    return key


def _checked_name(name: str) -> str:
    name = one_line(name)
    if not name:
        raise SnippetError("library.without_name", field="name")
    if len(name) > MAX_NAME:
        raise SnippetError("library.name_too_long", field="name", most=MAX_NAME)
    return name


def _checked_source(source: str) -> str:
    source = source.replace("\r\n", "\n").replace("\x00", "")
    if len(source.encode("utf-8", "replace")) > MAX_SOURCE:
        raise SnippetError("library.snippet_too_long", field="source", limit_bytes=MAX_SOURCE)
    return source
