"""Count the SQL statements of a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from campaigns.db import db


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements sent to the database."""
    found: list[str] = []

    def keep(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        found.append(statement)

    db.session.expire_all()  # start without cached objects
    sa.event.listen(db.engine, "before_cursor_execute", keep)
    try:
        yield found
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", keep)
