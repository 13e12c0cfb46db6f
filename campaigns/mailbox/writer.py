"""Write captured messages to the file, many in one transaction, and delete the oldest."""

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from campaigns.mailbox.headers import Headers, printable, read_headers
from campaigns.mailbox.schema import open_for_writing

MAX_MESSAGES = 20_000
MAX_BYTES = 200_000_000
COMPRESSION = 1  # speed matters, and at this level email still shrinks to a third


@dataclass(frozen=True, slots=True)
class Captured:
    """One message as it arrived: envelope and source (CRLF line ends, dots unstuffed)."""

    received_at: datetime
    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes


class Writer:
    """Writes captured messages; only one process may have a writer.

    Keeps at most `max_messages`, and `max_bytes` of compressed source; the totals count all.
    """

    failures: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(
        self, path: Path, *, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._connection = open_for_writing(path)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def append(self, batch: Sequence[Captured]) -> list[int]:
        """Store these messages in this order, in one transaction. Returns their ids.

        Raises sqlite3.Error (disk full, file locked); then none is stored.
        """
        rows = [_Row(captured) for captured in batch]
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            ids = self._insert(rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some errors roll back automatically
                connection.execute("ROLLBACK")
            raise
        return ids

    def _insert(self, rows: list["_Row"]) -> list[int]:
        connection = self._connection
        stored = sum(len(row.packed) for row in rows)
        last_id, kept, kept_bytes = connection.execute(
            "UPDATE totals SET last_id = last_id + ?, messages = messages + ?,"
            " recipients = recipients + ?, bytes = bytes + ?, kept = kept + ?,"
            " kept_bytes = kept_bytes + ? RETURNING last_id, kept, kept_bytes",
            (
                len(rows),
                len(rows),
                sum(len(row.captured.rcpt_to) for row in rows),
                sum(len(row.captured.raw) for row in rows),
                len(rows),
                stored,
            ),
        ).fetchone()
        ids = list(range(last_id - len(rows) + 1, last_id + 1))
        connection.executemany(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row.listed(key) for key, row in zip(ids, rows, strict=True)),
        )
        connection.executemany(
            "INSERT INTO source VALUES (?, ?)",
            ((key, row.packed) for key, row in zip(ids, rows, strict=True)),
        )
        connection.executemany(
            "INSERT INTO seen VALUES (?, 1) ON CONFLICT (pair) DO UPDATE SET copies = copies + 1",
            ((pair,) for row in rows for pair in row.pairs()),
        )
        if kept > self._max_messages or kept_bytes > self._max_bytes:
            self._trim(kept, kept_bytes)
        return ids

    def _trim(self, kept: int, kept_bytes: int) -> None:
        """Delete the oldest, a few more than needed, so that this is not done each time."""
        target = self._max_messages - self._max_messages // 50
        target_bytes = self._max_bytes - self._max_bytes // 50
        is_over = kept > self._max_messages, kept_bytes > self._max_bytes
        gone = gone_bytes = upto = 0
        for key, size in self._connection.execute("SELECT id, stored FROM message ORDER BY id"):
            enough = not is_over[0] or kept - gone <= target
            if enough and (not is_over[1] or kept_bytes - gone_bytes <= target_bytes):
                break
            gone, gone_bytes, upto = gone + 1, gone_bytes + size, key
        for table in ("message", "source"):
            self._connection.execute(f"DELETE FROM {table} WHERE id <= ?", (upto,))
        self._connection.execute(
            "UPDATE totals SET kept = kept - ?, kept_bytes = kept_bytes - ?", (gone, gone_bytes)
        )


class _Row:
    """A message prepared for the tables."""

    __slots__ = ("captured", "headers", "packed")

    def __init__(self, captured: Captured) -> None:
        self.captured = captured
        self.headers: Headers = read_headers(captured.raw)
        self.packed = zlib.compress(captured.raw, COMPRESSION)

    def listed(self, key: int) -> tuple[object, ...]:
        captured, headers = self.captured, self.headers
        recipients = "\n".join(printable(address) for address in captured.rcpt_to)
        return (
            key,
            round(captured.received_at.timestamp() * 1000),
            printable(captured.mail_from),
            recipients,
            headers.subject,
            headers.from_header,
            len(captured.raw),
            len(self.packed),
            f"{recipients}\n{headers.from_header}\n{headers.subject}".casefold(),
        )

    def pairs(self) -> list[int]:
        """Return a digest of each recipient with the Message-ID (without one, the source)."""
        mark = self.headers.message_id.encode() or self.captured.raw
        return [pair_digest(address, mark) for address in self.captured.rcpt_to]


def pair_digest(address: str, message_id: bytes) -> int:
    """Return a 64-bit digest of a recipient and a Message-ID."""
    text = address.casefold().encode("utf-8", "replace") + b"\0" + message_id
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)
