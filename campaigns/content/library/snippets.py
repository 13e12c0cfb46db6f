"""Snippets: HTML with merge tags that content of any kind shows as `{{ snippet.<key> }}`."""

import re
from datetime import datetime

import sqlalchemy as sa

from campaigns.content.library.models import Snippet
from campaigns.db import db
from campaigns.inputs import one_line
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
    """Create a snippet. Raises SnippetError."""
    snippet = Snippet(
        key=_checked_key(key),
        name=_checked_name(name),
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
    """Delete a snippet. The caller tells what refers to it."""
    db.session.execute(sa.delete(Snippet).where(Snippet.id == snippet_id))


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
