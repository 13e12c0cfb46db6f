"""The mailbox's SQLite file: its tables, opening it, and its errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns.reason import ReasonError

VERSION = 1
BUSY_SECONDS = 10

# `message` holds what lists show and searches read. Sources are in another table, so that a scan of
# all messages reads only a few megabytes. `seen` counts the copies of each pair of recipient and
# Message-ID by a 64-bit digest. It outlives the messages, and so do the totals.
TABLES = """
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    mail_from TEXT NOT NULL,
    rcpt_to TEXT NOT NULL,
    subject TEXT NOT NULL,
    from_header TEXT NOT NULL,
    size INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    words TEXT NOT NULL
);
CREATE TABLE source (id INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE seen (pair INTEGER PRIMARY KEY, copies INTEGER NOT NULL);
CREATE TABLE totals (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_id INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    kept_bytes INTEGER NOT NULL
);
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0, 0);
"""


class MailboxError(ReasonError):
    """The mailbox cannot work."""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Connect for writing; creates the file if needed. Raises MailboxError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # captured email holds working links: only its owner may read it
    except OSError as error:
        raise MailboxError(
            "mailbox_error.cannot_write", path=str(path), error=error.strerror or ""
        ) from None
    with explained(path):
        connection = _connect(path, "rw")
        try:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            # NORMAL: commits survive this process, however it ends.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint=4000")
            connection.execute("PRAGMA journal_size_limit=67108864")
            connection.execute("PRAGMA cache_size=-16000")
            _make_tables(connection)
            _check_version(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection | None:
    """Connect for reading; None if nothing was ever captured. Raises MailboxError."""
    if not path.exists():
        return None
    with explained(path):
        connection = _connect(path, "ro")
        try:
            if _version(connection) == 0 and _is_bare(connection):
                connection.close()
                return None
            _check_version(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a reason that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise MailboxError("mailbox_error.damaged", path=str(path), name=path.name) from error
        if code == sqlite3.SQLITE_BUSY:
            raise MailboxError("mailbox_error.busy", path=str(path)) from error
        if code == sqlite3.SQLITE_FULL:
            raise MailboxError("mailbox_error.disk_full", path=str(path)) from error
        raise MailboxError("mailbox_error.unusable", path=str(path), error=str(error)) from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
    )


def _version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def _is_bare(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _make_tables(connection: sqlite3.Connection) -> None:
    if not _is_bare(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    if _is_bare(connection):  # another process may have been first
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version != VERSION:
        raise MailboxError(
            "mailbox_error.other_version",
            path=str(path),
            name=path.name,
            found=str(version),
            known=str(VERSION),
        )
