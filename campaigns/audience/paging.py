"""Keyset pagination.

Page one thousand costs as much as page one, and rows added or deleted in between neither repeat nor
skip others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from campaigns.db import db

T = TypeVar("T")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the keys of the neighbouring pages; None if there is none."""

    rows: Sequence[T]
    before: Any = None
    """Key for the previous page."""
    after: Any = None
    """Key for the next page."""


def fetch(
    statement: sa.Select[Any],
    key: sa.ColumnElement[Any],
    *,
    name: str,
    descending: bool,
    before: Any = None,
    after: Any = None,
    size: int = PAGE_SIZE,
) -> Page[Any]:
    """Return one page of a statement's first column, an entity whose attribute `name` is the key.

    `after` is the last key of the page before it, `before` the first key of the page after it;
    neither means the first page.
    """
    backwards = before is not None
    falling = descending != backwards
    if backwards:
        statement = statement.where(key < before if falling else key > before)
    elif after is not None:
        statement = statement.where(key < after if falling else key > after)
    statement = statement.order_by(key.desc() if falling else key.asc()).limit(size + 1)
    rows = list(db.session.scalars(statement))
    has_more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    if not rows:
        return Page(rows)
    first, last = getattr(rows[0], name), getattr(rows[-1], name)
    has_before = has_more if backwards else after is not None
    has_after = True if backwards else has_more
    return Page(rows, first if has_before else None, last if has_after else None)


def count_up_to(statement: sa.Select[Any], most: int) -> int:
    """Count the rows of a statement, up to `most` + 1."""
    some = statement.order_by(None).limit(most + 1).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def prefix(column: sa.SQLColumnExpression[str], text: str) -> sa.ColumnElement[bool]:
    """Return the condition "column begins with text" as a range, for an index on ByteText."""
    return sa.and_(column >= text, column < text + "\U0010ffff")


def number_key(text: str | None) -> int | None:
    """Return a numeric key; None for anything else in a URL typed by hand."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
