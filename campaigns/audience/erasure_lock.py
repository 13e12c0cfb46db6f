"""The lock between erasing people and writing many of them down."""

import sqlalchemy as sa

from campaigns.db import db, is_postgresql

_PEOPLE = 727_002
"""The key of an advisory lock: shared by who writes down people, exclusive for who erases."""


def keep_everybody() -> None:
    """Let nobody be erased until this transaction ends. For code that writes many people.

    Waits for erasures under way. Those that come meanwhile wait.
    """
    _lock("pg_advisory_xact_lock_shared")


def erase_alone() -> None:
    """Let nobody write many people until this transaction ends. Waits for those who do."""
    _lock("pg_advisory_xact_lock")


def _lock(function: str) -> None:
    if is_postgresql():  # SQLite has one writer at a time
        db.session.execute(sa.select(getattr(sa.func, function)(_PEOPLE)))
