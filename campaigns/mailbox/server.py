"""The mailbox's SMTP server: captures what is sent to it, and cannot send anything."""

import asyncio
import contextlib
import errno
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from campaigns.mailbox.schema import MailboxError
from campaigns.mailbox.session import MailboxSession, Reply
from campaigns.mailbox.writer import MAX_BYTES, MAX_MESSAGES, Captured, Writer

MAX_MESSAGE_BYTES = 25 * 1024 * 1024
MAX_CONNECTIONS = 256
IDLE_SECONDS = 300.0
DRAIN_SECONDS = 5.0

log = structlog.get_logger()


def serve(
    host: str,
    port: int,
    path: Path,
    *,
    max_messages: int = MAX_MESSAGES,
    max_bytes: int = MAX_BYTES,
) -> None:
    """Capture email into the file until SIGTERM or SIGINT, finish open messages, return.

    Call it in the main thread. `host` should be a loopback address: anyone who reaches the port
    can fill the mailbox. Raises MailboxError when the port or the file cannot be used.
    """
    with contextlib.closing(Writer(path, max_messages=max_messages, max_bytes=max_bytes)) as writer:
        asyncio.run(_serve(MailServer(writer), host, port, path))


async def _serve(server: "MailServer", host: str, port: int, path: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    used = await server.start(host, port)
    log.info("mailbox started", host=host, port=used, file=str(path))
    await stop.wait()
    await server.stop()


class MessageStore(Protocol):
    """Where a server puts its messages."""

    failures: tuple[type[Exception], ...]
    """Errors that mean: not now."""

    def append(self, batch: Sequence[Captured], /) -> Sequence[int]:
        """Store messages durably and return a number for each. Raises one of `failures`."""
        ...


class MailServer:
    """Accepts connections and stores their messages; those that arrive together share a commit."""

    def __init__(
        self,
        store: MessageStore,
        *,
        session: type[MailboxSession] = MailboxSession,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        idle_seconds: float = IDLE_SECONDS,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.max_message_bytes = max_message_bytes
        self.is_draining = False
        self._store, self._session = store, session
        self._idle_seconds = idle_seconds
        self._max_connections = max_connections
        self._sessions: set[MailboxSession] = set()
        self._waiting: list[tuple[Captured, Reply]] = []
        self._all_left = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; port 0 takes any free one. Returns the port. Raises MailboxError."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: self._session(self), host, port, backlog=512
            )
        except (OSError, OverflowError) as error:
            raise _why_not(error, host, port) from None
        self._watch = asyncio.create_task(self._close_idle())
        used: int = self._server.sockets[0].getsockname()[1]
        return used

    async def stop(self, seconds: float = DRAIN_SECONDS) -> None:
        """Refuse new connections, let open messages finish, close."""
        self.is_draining = True
        if self._server is not None:
            self._server.close()
        if self._watch is not None:
            self._watch.cancel()
        self._commit()
        for session in list(self._sessions):
            if not session.is_busy:
                session.close_with(b"421 4.3.2 The mailbox is closing")
        if self._sessions:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_left.wait(), seconds)
        for session in list(self._sessions):
            session.close_with(b"421 4.3.2 The mailbox is closing")
        await asyncio.sleep(0)  # lets the last replies be sent

    def join(self, session: MailboxSession) -> bool:
        """Count a new session. False: there are too many, refuse it."""
        self._sessions.add(session)
        self._all_left.clear()
        return not self.is_draining and len(self._sessions) <= self._max_connections

    def leave(self, session: MailboxSession) -> None:
        """Remove a session that has ended."""
        self._sessions.discard(session)
        if not self._sessions:
            self._all_left.set()

    def accept(self, captured: Captured, reply: Reply) -> None:
        """Queue a message for the next commit."""
        # Commit after the other ready connections had their turn: under load many messages share a
        # commit, and a single message does not wait.
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._commit)
        self._waiting.append((captured, reply))

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            ids = self._store.append([captured for captured, _ in waiting])
        except self._store.failures as error:
            log.error("mailbox could not store messages", count=len(waiting), error=str(error))
            for _, reply in waiting:
                reply(b"452 4.3.1 Messages cannot be stored (disk full?), try again later")
            return
        for (_, reply), key in zip(waiting, ids, strict=True):
            reply(b"250 2.0.0 Ok: queued as %d" % key)

    async def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(self._idle_seconds / 4, 15))
            for session in list(self._sessions):
                if loop.time() - session.heard_at > self._idle_seconds:
                    session.end_silent()


def _why_not(error: OSError | OverflowError, host: str, port: int) -> MailboxError:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return MailboxError("mailbox_error.port_taken", host=host, port=str(port))
        case errno.EACCES:
            return MailboxError("mailbox_error.port_privileged", port=str(port))
        case _:
            return MailboxError(
                "mailbox_error.cannot_listen", host=host, port=str(port), error=str(error)
            )
