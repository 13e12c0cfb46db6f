"""Read the mailbox while it is being filled, and empty it."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from campaigns.mailbox.schema import explained, open_for_reading, open_for_writing

PAGE = 50


@dataclass(frozen=True, slots=True)
class Totals:
    """`messages`, `recipients`, `bytes`: all ever captured; `kept`: messages still stored.

    `last_id` is the id of the newest. Emptying the mailbox sets all but that to zero.
    """

    last_id: int = 0
    messages: int = 0
    recipients: int = 0
    bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MessageEntry:
    """A message in a list. `rcpt_to`: the envelope's recipients; `size` in bytes."""

    id: int
    received_at: datetime
    mail_from: str
    rcpt_to: tuple[str, ...]
    subject: str
    from_header: str
    size: int


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Entries, newest first, and whether there are more on either side."""

    entries: tuple[MessageEntry, ...] = ()
    has_newer: bool = False
    has_older: bool = False


class Store:
    """A mailbox file; a missing file is an empty mailbox. Every call may raise MailboxError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def totals(self) -> Totals:
        """Count what is stored."""
        with self._reading() as connection:
            if connection is None:
                return Totals()
            return Totals(
                *connection.execute(
                    "SELECT last_id, messages, recipients, bytes, kept, kept_bytes FROM totals"
                ).fetchone()
            )

    def page(
        self, *, before: int = 0, after: int = 0, query: str = "", limit: int = PAGE
    ) -> MessagePage:
        """Return the newest messages, or those next to an id: older (`before`) or newer (`after`).

        `query` searches recipients, sender and subject, ignoring case.
        """
        with self._reading() as connection:
            if connection is None:
                return MessagePage()
            wanted = query.casefold().strip()
            rows = _rows(connection, before, after, wanted, limit + 1)
            more = len(rows) > limit
            rows = rows[:limit]
            if after and not before:
                rows.reverse()
                return MessagePage(
                    tuple(map(_entry, rows)),
                    has_newer=more,
                    has_older=bool(rows) and bool(_rows(connection, rows[-1][0], 0, wanted, 1)),
                )
            has_newer = bool(before and rows) and bool(_rows(connection, 0, rows[0][0], wanted, 1))
            return MessagePage(tuple(map(_entry, rows)), has_newer=has_newer, has_older=more)

    def entry(self, message_id: int) -> MessageEntry | None:
        """Return one message without its source; None if it was deleted."""
        with self._reading() as connection:
            if connection is None:
                return None
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM message WHERE id = ?", (message_id,)
            ).fetchone()
            return _entry(row) if row else None

    def source(self, message_id: int) -> bytes | None:
        """Return the message as it arrived; None if it was deleted."""
        with self._reading() as connection:
            if connection is None:
                return None
            row = connection.execute(
                "SELECT raw FROM source WHERE id = ?", (message_id,)
            ).fetchone()
            return zlib.decompress(row[0]) if row else None

    def repeated(self) -> int:
        """Count messages that a recipient got several times, including deleted ones."""
        with self._reading() as connection:
            if connection is None:
                return 0
            query = "SELECT count(*) FROM seen WHERE copies > 1"
            return int(connection.execute(query).fetchone()[0])

    def empty(self) -> None:
        """Delete everything and free the disk space. Ids are never reused."""
        if not self.path.exists():
            return
        with explained(self.path), closing(open_for_writing(self.path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for table in ("message", "source", "seen"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute(
                "UPDATE totals SET messages = 0, recipients = 0, bytes = 0, kept = 0,"
                " kept_bytes = 0"
            )
            connection.execute("COMMIT")
            # As a script: execute() would stop after the first page that is freed.
            connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(PASSIVE);")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        connection = open_for_reading(self.path)
        if connection is None:
            yield None
            return
        with explained(self.path), closing(connection):
            yield connection


_COLUMNS = "id, received_at, mail_from, rcpt_to, subject, from_header, size"


def _rows(
    connection: sqlite3.Connection, before: int, after: int, query: str, limit: int
) -> list[tuple[int, int, str, str, str, str, int]]:
    conditions, values = ["1"], list[object]()
    if before:
        conditions.append("id < ?")
        values.append(before)
    elif after:
        conditions.append("id > ?")
        values.append(after)
    if query:
        conditions.append("instr(words, ?)")
        values.append(query)
    order = "id" if after and not before else "id DESC"
    return connection.execute(
        f"SELECT {_COLUMNS} FROM message WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?",
        (*values, limit),
    ).fetchall()


def _entry(row: tuple[int, int, str, str, str, str, int]) -> MessageEntry:
    key, received, mail_from, rcpt_to, subject, from_header, size = row
    return MessageEntry(
        id=key,
        received_at=datetime.fromtimestamp(received / 1000, UTC),
        mail_from=mail_from,
        rcpt_to=tuple(rcpt_to.split("\n")),
        subject=subject,
        from_header=from_header,
        size=size,
    )
