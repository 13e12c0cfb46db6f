"""An SMTP server with manners, in a process of its own; it notes down all that it has taken.

    python -m tests.chaos.server PORT RECORD MANNERS

MANNERS is JSON. RECORD gets a line as soon as a message is taken, before the client hears of it:
`T recipient seconds sender`; and `Q recipient` where it will never hear of it. Each line is there
even if the server is killed the moment after. Further lines: `C count seconds` at each new
connection, `L late_seconds seconds` when the server itself had to wait for a processor. Seconds
are those of the machine's monotonic clock, the same in every process.
"""

import asyncio
import json
import os
import sys
import time
import zlib
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

BUSY = "451 4.3.0 The mail store is being repaired, try again"
ENOUGH = "421 4.3.2 Enough for this connection"
MUTE_SECONDS = 1.5
OPEN, TAKEN = "open connections", "messages taken"
"""Keys of the server's counts, beside those of recipients."""
HEARTBEAT_SECONDS = 0.01
LATE_SECONDS = 0.02
"""Smallest delay of the server's own heartbeat that is noted."""


@dataclass(frozen=True)
class Manners:
    """How a server behaves. Whom a share falls upon depends on the address alone."""

    dot_ms: int = 10
    """So long it thinks about each message, which it has taken by then."""
    reply_ms: int = 0
    """So long it thinks about each other command."""
    busy_percent: float = 0.0
    """Of the recipients, to whom it says 451 ..."""
    busy_times: int = 1
    """... so many times."""
    most_messages: int = 0
    """After so many on a connection it says 421 and closes."""
    hang_up_percent: float = 0.0
    """Of the messages, after which it closes without a word; half of them it has taken."""
    mute_percent: float = 0.0
    """Of the messages, which it takes, says nothing about, and closes after a while."""
    slow_after: int = 0
    """Number of messages after which it needs `slow_dot_ms` for each; 0: never."""
    slow_dot_ms: int = 1500

    def as_json(self) -> str:
        return json.dumps(asdict(self))


class Session(asyncio.Protocol):
    """One connection. Understands commands that come in one go."""

    def __init__(self, manners: Manners, record: int, seen: Counter[str]) -> None:
        self._manners, self._record, self._seen = manners, record, seen
        self._is_counted = False
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._is_body = self._is_thinking = False
        self._sender = self._recipient = ""
        self._messages = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._is_counted = True
        self._seen[OPEN] += 1
        self._note(f"C {self._seen[OPEN]} {time.monotonic():.4f}\n")
        self._say("220 chaos.example ESMTP", 0)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._uncount()

    def _uncount(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self._seen[OPEN] -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while self._transport is not None and not self._is_thinking:
            end = b"\r\n.\r\n" if self._is_body else b"\r\n"
            found, mark, rest = self._buffer.partition(end)
            if not mark:
                return
            self._buffer = rest
            if self._is_body:
                self._is_body = False
                self._dot()
            else:
                self._command(found.decode())

    def _command(self, line: str) -> None:
        verb, manners = line[:4].upper(), self._manners
        if verb == "EHLO":
            self._say("250-chaos.example\r\n250-PIPELINING\r\n250 8BITMIME")
        elif verb == "MAIL":
            self._recipient = ""
            self._sender = _address(line)
            if manners.most_messages and self._messages >= manners.most_messages:
                self._say(ENOUGH)
                self._close()
            else:
                self._say("250 2.1.0 ok")
        elif verb == "RCPT":
            address = _address(line)
            if self._is_busy_for(address):
                self._say(BUSY)
            else:
                self._recipient = address
                self._say("250 2.1.5 ok")
        elif verb == "DATA":
            self._is_body = bool(self._recipient)
            self._say("354 go on" if self._is_body else "554 5.5.1 no valid recipients")
        elif verb == "QUIT":
            self._say("221 2.0.0 bye", 0)
            self._close()
        else:
            self._say("250 2.0.0 ok")

    def _is_busy_for(self, address: str) -> bool:
        if not _falls_upon(address, "busy", self._manners.busy_percent):
            return False
        self._seen[address] += 1
        return self._seen[address] <= self._manners.busy_times

    def _dot(self) -> None:
        address, manners = self._recipient, self._manners
        self._messages += 1
        if _falls_upon(address, "hang up", manners.hang_up_percent):
            if _falls_upon(address, "took it", 50):
                self._note(self._taken(address) + f"Q {address}\n")
            else:
                self._note(f"Q {address}\n")
            self._close()
            return
        if _falls_upon(address, "mute", manners.mute_percent):
            self._note(self._taken(address) + f"Q {address}\n")
            self._is_thinking = True
            asyncio.get_running_loop().call_later(MUTE_SECONDS, self._close)
            return
        self._note(self._taken(address))
        number = zlib.crc32(self._sender.encode())
        is_slow = 0 < manners.slow_after < self._seen[TAKEN]
        wait = manners.slow_dot_ms if is_slow else manners.dot_ms
        self._say(f"250 2.0.0 Ok: queued as 4C{number:08X}", wait)

    def _taken(self, address: str) -> str:
        self._seen[TAKEN] += 1
        return f"T {address} {time.monotonic():.4f} {self._sender}\n"

    def _note(self, lines: str) -> None:
        os.write(self._record, lines.encode())

    def _say(self, reply: str, after_ms: int | None = None) -> None:
        wait = self._manners.reply_ms if after_ms is None else after_ms
        if not wait:
            self._write(reply)
            return
        self._is_thinking = True
        asyncio.get_running_loop().call_later(wait / 1000, self._say_now, reply)

    def _say_now(self, reply: str) -> None:
        self._is_thinking = False
        self._write(reply)
        self._go_on()

    def _write(self, reply: str) -> None:
        if self._transport is not None:
            self._transport.write(reply.encode() + b"\r\n")

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            self._uncount()


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


def _falls_upon(address: str, what: str, percent: float) -> bool:
    return zlib.crc32(f"{what} {address}".encode()) % 10_000 < percent * 100


async def serve(port: int, record: Path, manners: Manners) -> None:
    handle = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seen: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Session(manners, handle, seen), "127.0.0.1", port, backlog=512
    )
    await asyncio.gather(server.serve_forever(), _watch_own_delays(handle))


async def _watch_own_delays(record: int) -> None:
    """Note when this process waits for a processor: its times are that much too late."""
    while True:
        due = time.monotonic() + HEARTBEAT_SECONDS
        await asyncio.sleep(HEARTBEAT_SECONDS)
        now = time.monotonic()
        if now - due > LATE_SECONDS:
            os.write(record, f"L {now - due:.4f} {now:.4f}\n".encode())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), Manners(**json.loads(sys.argv[3]))))
