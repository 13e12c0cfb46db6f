"""One connection in the loop: a socket, its session, and its timeouts."""

import contextlib
import selectors
import socket
import ssl
import time
from collections.abc import Callable

import structlog

from campaigns.providers.smtp.loop import Loop
from campaigns.providers.smtp.session import Asked, Session
from campaigns.providers.smtp.timeouts import Timeouts

log = structlog.get_logger()

_CHUNK = 8192
_READ, _BOTH = selectors.EVENT_READ, selectors.EVENT_READ | selectors.EVENT_WRITE
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """Moves bytes between a socket and its session. `on_over` is called once, at the end."""

    __slots__ = (
        "_allowed",
        "_is_over",
        "_is_tls",
        "_loop",
        "_mask",
        "_on_over",
        "_out",
        "_replies",
        "_since",
        "_sock",
        "_timeouts",
        "opened_at",
        "session",
    )

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        session: Session,
        timeouts: Timeouts,
        on_over: Callable[["Connection"], None],
    ) -> None:
        self._loop, self._sock, self._timeouts = loop, sock, timeouts
        self.session, self._on_over = session, on_over
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._out: bytes | memoryview = b""
        self._mask = _READ
        self._is_over = False
        self._allowed = _allowed(timeouts)
        self._since = loop.now  # the last reply, or the last bytes that the server accepted
        self._replies = 0
        self.opened_at = time.monotonic()
        loop.register(sock, self._ready)

    @property
    def is_idle(self) -> bool:
        return not (self._is_over or self.session.is_busy or self.session.waits_for)

    @property
    def is_leaving(self) -> bool:
        """Whether it takes no more messages."""
        return self._is_over or self.session.is_stopped

    def start(self) -> None:
        """Take the next message, if there is one and this connection is idle."""
        if self.is_idle:
            self._say(self.session.start)

    def stop(self) -> None:
        """Take nothing more, and close once the pending reply has come."""
        if not self._is_over:
            self._say(self.session.stop)

    def drop(self, reason: str) -> None:
        """Close at once."""
        if not self._is_over:
            self.session.lost(reason)
            self._finish()

    def tick(self, now: float) -> None:
        if self._is_over:
            return
        waits_for = self.session.waits_for
        allowed = self._timeouts.block if self._out else self._allowed[waits_for]
        if now < self._since + allowed:
            return
        if waits_for:
            self.drop(f"no answer for {allowed:g} seconds")
        else:
            self.stop()

    # --- bytes --------------------------------------------------------------------------------

    def _ready(self, mask: int) -> None:
        if self._is_over:
            return  # closed by another callback in the same round
        try:
            if mask & _READ or self._is_tls:
                self._read()
            if self._out and not self._is_over:
                self._flush()
        except OSError as error:
            self._broken(error)
        except Exception:
            log.exception("connection dropped after an error")
            self.drop("internal error")

    def _say(self, give: Callable[[], bytes]) -> None:
        try:
            self._write(give())
        except OSError as error:
            self._broken(error)
        except Exception:
            log.exception("connection dropped after an error")
            self.drop("internal error")

    def _read(self) -> None:
        while True:
            try:
                data = self._sock.recv(_CHUNK)
            except _NOT_NOW:
                return
            if not data:
                self.drop("the server closed the connection")
                return
            self._write(self.session.feed(data))
            # Bytes that TLS has already decrypted do not make the socket readable.
            if not self._is_tls or self._is_over or not self._pending():
                return

    def _pending(self) -> int:
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0

    def _write(self, data: bytes) -> None:
        """Write the session's bytes, and restart the timeout."""
        session = self.session
        if data:
            if self._out:
                self._out = bytes(self._out) + data
            else:
                if self._is_tls:
                    session.is_unwritten = False  # TLS may send a record although the write fails
                sent = self._send(data)
                if sent == len(data):
                    session.is_unwritten = False
                else:
                    self._out = memoryview(data)[sent:]
                    self._keep_writing(sent)
            self._since = self._loop.now
        elif self._replies != session.replies:
            self._replies, self._since = session.replies, self._loop.now
        if session.over:
            self._finish()

    def _flush(self) -> None:
        sent = self._send(self._out)
        if sent:
            self._out = self._out[sent:]
            self._keep_writing(sent)
            self._since = self._loop.now

    def _keep_writing(self, sent: int) -> None:
        """Keep the rest until the socket accepts more."""
        self.session.is_writing = bool(self._out)
        if sent:
            self.session.is_unwritten = False
        mask = _BOTH if self._out else _READ
        if mask != self._mask:
            self._mask = mask
            self._loop.wants(self._sock, mask, self._ready)

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except _NOT_NOW:
            return 0

    # --- the end ------------------------------------------------------------------------------

    def _broken(self, error: OSError) -> None:
        """Handle a failed write or read, after reading what the server said before."""
        if self._is_over:
            return
        words = []
        with contextlib.suppress(OSError):
            while data := self._sock.recv(_CHUNK):
                words.append(data)
        self.session.last_words(b"".join(words), (error.strerror or str(error)).lower())
        self._finish()

    def _finish(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._loop.unregister(self._sock)
        with contextlib.suppress(OSError):
            self._sock.close()
        self._on_over(self)


def _allowed(timeouts: Timeouts) -> dict[Asked, float]:
    return {
        "": timeouts.idle,
        "mail": timeouts.command,
        "rcpt": timeouts.command,
        "rset": timeouts.command,
        "data": timeouts.data,
        "dot": timeouts.dot,
        "lone dot": timeouts.dot,
        "quit": timeouts.quit,
    }
