"""A mailbox server in a thread, and a raw client for it."""

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from campaigns.mailbox.server import MailServer
from campaigns.mailbox.store import Store
from campaigns.mailbox.writer import Captured, Writer, pair_digest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ENVELOPE = b"MAIL FROM:<news@example.org>\r\nRCPT TO:<alice@shop.example>\r\nDATA\r\n"
MESSAGE = b"Subject: Hello\r\nMessage-ID: <1@example.org>\r\n\r\nGood morning\r\n"


@dataclass
class Mailbox:
    port: int
    path: Path
    writer: Writer
    loop: asyncio.AbstractEventLoop

    def sql(self, statement: str) -> None:
        """Run a statement on the writer's connection, in its thread."""

        async def run() -> None:
            self.writer._connection.execute(statement)

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    @property
    def store(self) -> Store:
        return Store(self.path)

    def sources(self) -> list[bytes]:
        """All stored messages, oldest first."""
        found = [self.store.source(entry.id) for entry in self.store.page(limit=1000).entries]
        return [source for source in reversed(found) if source is not None]


@contextmanager
def running_mailbox(path: Path, **options: float) -> Iterator[Mailbox]:
    """Run a server in its own thread; `options` go to MailServer."""
    ready = threading.Event()
    made: list[Mailbox] = []
    stop = asyncio.Event()

    async def run() -> None:
        writer = Writer(path)
        server = MailServer(writer, **options)  # type: ignore[arg-type]
        port = await server.start("127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        made.append(Mailbox(port, path, writer, loop))
        ready.set()
        await stop.wait()
        await server.stop(1)
        writer.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield made[0]
    finally:
        made[0].loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive()


class Client:
    """A raw connection to a mailbox that waits for whole replies."""

    def __init__(self, port: int, *, hello: bool = True) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.greeting = self.reply()
        if hello:
            self.say(b"EHLO client.example\r\n")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def line(self) -> bytes:
        """The next line; empty if the server has closed."""
        while b"\r\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def reply(self) -> bytes:
        """The next whole reply, without its final CRLF."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return b"\r\n".join(lines)

    def codes(self, count: int) -> list[int]:
        return [int(self.reply()[:3]) for _ in range(count)]

    def say(self, data: bytes) -> bytes:
        self.socket.sendall(data)
        return self.reply()

    def code(self, data: bytes) -> int:
        return int(self.say(data)[:3])

    def send(self, message: bytes = MESSAGE) -> bytes:
        """Send one message without dot-stuffing; return the final reply."""
        self.socket.sendall(ENVELOPE)
        assert self.codes(3) == [250, 250, 354]
        return self.say(message + b".\r\n")


def captured(number: int = 1, *, to: str = "", raw: bytes = b"", size: int = 0) -> Captured:
    """A message for the writer."""
    raw = raw or (
        b"From: News <news@example.org>\r\nSubject: Issue %d\r\n"
        b"Message-ID: <%d@example.org>\r\n\r\n" % (number, number)
    )
    return Captured(
        NOW, "bounce@example.org", (to or f"u{number}@shop.example",), raw + b"x" * size
    )


def copies(path: Path, address: str, message_id: str) -> int:
    """The copies of a message that a recipient got, including deleted ones."""
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(
            "SELECT copies FROM seen WHERE pair = ?", (pair_digest(address, message_id.encode()),)
        ).fetchone()
    return int(row[0]) if row else 0
