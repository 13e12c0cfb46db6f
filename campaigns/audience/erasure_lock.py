"""The lock between erasing people and writing many of them down."""

import sqlalchemy as sa

from campaigns.db import db, is_postgresql

_PEOPLE = 727_002
"""The key of an advisory lock: shared by who writes down people, exclusive for who erases."""


def keep_everybody() -> None:
    """Until this transaction ends nobody is erased: for who writes down many people.

    Waits for erasures under way. Those that come meanwhile wait.
    """
    _lock("pg_advisory_xact_lock_shared")


def erase_alone() -> None:
    """Until this transaction ends nobody writes down many people. Waits for those who do."""
    _lock("pg_advisory_xact_lock")


def _lock(function: str) -> None:
    if is_postgresql():  # SQLite has one writer at a time
        db.session.execute(sa.select(getattr(sa.func, function)(_PEOPLE)))
