"""An SMTP server with configurable faults, in its own process, that records each message.

    python -m tests.chaos.server PORT RECORD BEHAVIOUR

BEHAVIOUR is JSON. RECORD gets a line as soon as a message is accepted, before the client is told:
`T recipient seconds sender`, and `Q recipient` if the client will never be told. Each line is
written even if the server is killed right afterwards. Further lines: `C count seconds` at each new
connection, `L late_seconds seconds` when the server itself had to wait for a processor. Seconds
are those of the machine's monotonic clock, which all processes share.
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
MIN_RESULTS = "421 4.3.2 Enough for this connection"
MUTE_SECONDS = 1.5
OPEN, TAKEN = "open connections", "messages taken"
"""Keys of the server's own counts; the other keys are recipients."""
HEARTBEAT_SECONDS = 0.01
LATE_SECONDS = 0.02
"""Smallest delay of the server's own heartbeat that is recorded."""


@dataclass(frozen=True)
class Behaviour:
    """How a server behaves. Which recipients a share affects depends only on their address."""

    dot_ms: int = 10
    """Delay before the reply to each message, which is accepted by then."""
    reply_ms: int = 0
    """Delay before the reply to any other command."""
    busy_percent: float = 0.0
    """Share of recipients that get 451 ..."""
    busy_times: int = 1
    """... this many times."""
    most_messages: int = 0
    """Messages on a connection after which it answers 421 and closes; 0: no limit."""
    hang_up_percent: float = 0.0
    """Share of messages after which it closes without a reply; half of them are accepted."""
    mute_percent: float = 0.0
    """Share of messages that it accepts without a reply, closing after `MUTE_SECONDS`."""
    slow_after: int = 0
    """Messages after which it takes `slow_dot_ms` for each; 0: never."""
    slow_dot_ms: int = 1500

    def as_json(self) -> str:
        return json.dumps(asdict(self))


class Session(asyncio.Protocol):
    """One connection, with pipelining."""

    def __init__(self, behaviour: Behaviour, record: int, seen: Counter[str]) -> None:
        self._behaviour, self._record, self._seen = behaviour, record, seen
        self._is_counted = False
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._is_body = self._is_delaying = False
        self._sender = self._recipient = ""
        self._messages = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._is_counted = True
        self._seen[OPEN] += 1
        self._record_lines(f"C {self._seen[OPEN]} {time.monotonic():.4f}\n")
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
        self._process_buffer()

    def _process_buffer(self) -> None:
        while self._transport is not None and not self._is_delaying:
            end = b"\r\n.\r\n" if self._is_body else b"\r\n"
            found, mark, rest = self._buffer.partition(end)
            if not mark:
                return
            self._buffer = rest
            if self._is_body:
                self._is_body = False
                self._end_of_data(found)
            else:
                self._command(found.decode())

    def _command(self, line: str) -> None:
        verb, behaviour = line[:4].upper(), self._behaviour
        if verb == "EHLO":
            self._say("250-chaos.example\r\n250-PIPELINING\r\n250 8BITMIME")
        elif verb == "MAIL":
            self._recipient = ""
            self._sender = _address(line)
            if behaviour.most_messages and self._messages >= behaviour.most_messages:
                self._say(MIN_RESULTS)
                self._close()
            else:
                self._say("250 2.1.0 ok")
        elif verb == "RCPT":
            address = _address(line)
            if refusal := self._refusal_of(address):
                self._say(refusal)
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

    def _refusal_of(self, address: str) -> str:
        """Return the reply to a recipient that is not accepted now; empty if it is."""
        if not _is_affected(address, "busy", self._behaviour.busy_percent):
            return ""
        self._seen[address] += 1
        return BUSY if self._seen[address] <= self._behaviour.busy_times else ""

    def _end_of_data(self, _: bytes) -> None:
        address, behaviour = self._recipient, self._behaviour
        self._messages += 1
        if _is_affected(address, "hang up", behaviour.hang_up_percent):
            if _is_affected(address, "took it", 50):
                self._record_lines(self._accept(address) + f"Q {address}\n")
            else:
                self._record_lines(f"Q {address}\n")
            self._close()
            return
        if _is_affected(address, "mute", behaviour.mute_percent):
            self._record_lines(self._accept(address) + f"Q {address}\n")
            self._is_delaying = True
            asyncio.get_running_loop().call_later(MUTE_SECONDS, self._close)
            return
        self._record_lines(self._accept(address))
        number = zlib.crc32(self._sender.encode())
        is_slow = 0 < behaviour.slow_after < self._seen[TAKEN]
        wait = behaviour.slow_dot_ms if is_slow else behaviour.dot_ms
        self._say(f"250 2.0.0 Ok: queued as 4C{number:08X}", wait)

    def _accept(self, address: str) -> str:
        self._seen[TAKEN] += 1
        return f"T {address} {time.monotonic():.4f} {self._sender}\n"

    def _record_lines(self, lines: str) -> None:
        os.write(self._record, lines.encode())

    def _say(self, reply: str, after_ms: int | None = None) -> None:
        wait = self._behaviour.reply_ms if after_ms is None else after_ms
        if not wait:
            self._write(reply)
            return
        self._is_delaying = True
        asyncio.get_running_loop().call_later(wait / 1000, self._say_now, reply)

    def _say_now(self, reply: str) -> None:
        self._is_delaying = False
        self._write(reply)
        self._process_buffer()

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


def _is_affected(address: str, what: str, percent: float) -> bool:
    return zlib.crc32(f"{what} {address}".encode()) % 10_000 < percent * 100


async def serve(port: int, record: Path, behaviour: Behaviour) -> None:
    handle = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seen: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Session(behaviour, handle, seen), "127.0.0.1", port, backlog=512
    )
    await asyncio.gather(server.serve_forever(), _record_own_delays(handle))


async def _record_own_delays(record: int) -> None:
    """Record when this process had to wait for a processor: its times are late by that much."""
    while True:
        due = time.monotonic() + HEARTBEAT_SECONDS
        await asyncio.sleep(HEARTBEAT_SECONDS)
        now = time.monotonic()
        if now - due > LATE_SECONDS:
            os.write(record, f"L {now - due:.4f} {now:.4f}\n".encode())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), Behaviour(**json.loads(sys.argv[3]))))
