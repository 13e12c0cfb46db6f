"""The lock between erasing people and inserting many rows about them."""

import sqlalchemy as sa

from campaigns.db import db, is_postgresql

_PEOPLE = 727_002
"""Key of an advisory lock: shared for inserting, exclusive for erasing."""


def prevent_erasures() -> None:
    """Prevent erasures until this transaction ends. For code that inserts many people.

    Waits for erasures in progress; later ones wait for this transaction.
    """
    _lock("pg_advisory_xact_lock_shared")


def prevent_inserts() -> None:
    """Prevent bulk inserts of people until this transaction ends. Waits for those in progress."""
    _lock("pg_advisory_xact_lock")


def _lock(function: str) -> None:
    if is_postgresql():  # SQLite has one writer at a time
        db.session.execute(sa.select(getattr(sa.func, function)(_PEOPLE)))
