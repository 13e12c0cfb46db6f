"""Read a mailbox over POP3 (RFC 1939). It has no folders: what is stored is deleted there."""

import base64
import contextlib
import poplib
import ssl
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

import structlog

from campaigns.events.incoming import MAX_BYTES
from campaigns.intake.reader import (
    BATCH,
    BATCH_BYTES,
    CONNECT_SECONDS,
    FoundEmail,
    MailboxLogin,
    explained,
    logging_in,
)

log = structlog.get_logger()

PIECE_BYTES = 64 * 1024
"""Bytes of a line that are read at once."""


class Pop3Mailbox:
    """See `MailboxReader`. A server shows new emails to new connections only."""

    def __init__(self, login: MailboxLogin) -> None:
        self._login = login
        self._has_read = False
        self._not_deleted: poplib.error_proto | None = None
        with _explained(login):
            self._client = _connect(login)
            try:
                _log_in(self._client, login)
                self._listed = self._list()
                self._waiting = list(self._listed)
            except BaseException:
                self.close()
                raise

    def _list(self) -> list[tuple[str, int]]:
        """Return (number, size) of every email."""
        _, lines, _ = self._client.list()
        pairs = (line.decode("ascii", "replace").split()[:2] for line in lines)
        return [(number, int(size)) for number, size in pairs]

    def read(self) -> Sequence[FoundEmail]:
        """See `MailboxReader`."""
        found: list[FoundEmail] = []
        total = 0
        with _explained(self._login):
            while self._waiting and len(found) < BATCH and total < BATCH_BYTES:
                number, size = self._waiting.pop(0)
                try:
                    raw = self._retrieve(number, size)
                except poplib.error_proto as error:
                    if not _is_answer(error) or not (self._waiting or self._has_read):
                        raise
                    log.warning("an email cannot be read", number=number, error=_words(error))
                    continue  # the others may be readable
                self._has_read = True
                total += len(raw)
                found.append(FoundEmail(number, raw))
        return found

    def _retrieve(self, number: str, size: int) -> bytes:
        """Return an email; of one that is too large, its headers and first lines."""
        return _text(self._client, f"RETR {number}" if size <= MAX_BYTES else f"TOP {number} 2000")

    def done(self, keys: Sequence[str]) -> None:
        """See `MailboxReader`."""
        with _explained(self._login):
            for key in keys:
                try:
                    self._client.dele(int(key))
                except poplib.error_proto as error:
                    if not _is_answer(error):
                        raise
                    self._not_deleted = error
            if not self._waiting:
                # Deletions take effect at QUIT; without it, emails are read again and recognized.
                before, refused = self._listed, self._not_deleted
                self._reconnect()
                if refused:
                    self._waiting = []
                    raise refused
                if self._listed[: len(before)] == before:
                    # The server keeps deleted emails: the first ones it lists have just been read.
                    self._waiting = self._listed[len(before) :]

    def _reconnect(self) -> None:
        """End the session, and begin another one."""
        self._client.quit()
        self._client = _connect(self._login)
        _log_in(self._client, self._login)
        self._not_deleted = None
        self._listed = self._list()
        self._waiting = list(self._listed)

    def wait(self, seconds: float) -> None:
        """Wait, then end the session: the next one sees what has arrived."""
        time.sleep(seconds)
        with _explained(self._login):
            self._reconnect()

    def close(self) -> None:
        """See `MailboxReader`."""
        with contextlib.suppress(Exception):
            self._client.close()


def _is_answer(error: poplib.error_proto) -> bool:
    """Return whether the server refused a command, and waits for the next one."""
    return isinstance(error.args[0], bytes)


def _text(client: poplib.POP3, command: str) -> bytes:
    """Return the text that answers a command, up to MAX_BYTES.

    The library reads whole lines, of 2 kB at most; bounces have lines of any length.
    """
    client._shortcmd(command)  # type: ignore[attr-defined]  # noqa: SLF001
    found, is_start = bytearray(), True
    while piece := client.file.readline(PIECE_BYTES):
        if is_start and piece.startswith(b"."):
            piece = piece[1:]
            if not piece.strip(b"\r\n"):
                return bytes(found)
        is_start = piece.endswith(b"\n")
        found += piece[: MAX_BYTES - len(found)]
    raise EOFError("the connection ended within an email")


def _connect(login: MailboxLogin) -> poplib.POP3:
    if login.security == "tls":
        return poplib.POP3_SSL(
            login.host,
            login.port,
            timeout=CONNECT_SECONDS,
            context=ssl.create_default_context(),
        )
    client = poplib.POP3(login.host, login.port, timeout=CONNECT_SECONDS)
    if login.security == "starttls":
        client.stls(ssl.create_default_context())
    return client


def _log_in(client: poplib.POP3, login: MailboxLogin) -> None:
    with logging_in(login, (poplib.error_proto,), _words):
        if login.token is None:
            client.user(login.username)
            client.pass_(login.password)
        else:
            _xoauth2(client, login.username, login.token())


def _xoauth2(client: poplib.POP3, username: str, token: str) -> None:
    text = base64.b64encode(f"user={username}\1auth=Bearer {token}\1\1".encode()).decode()
    # The library has no method for AUTH.
    command = client._shortcmd  # type: ignore[attr-defined]  # noqa: SLF001
    command("AUTH XOAUTH2")
    if not command(text).startswith(b"+OK"):
        # It was refused, with details that only an answer, an empty line, turns into an error.
        command("")
        raise poplib.error_proto(b"-ERR the access token was refused")


def _explained(login: MailboxLogin) -> AbstractContextManager[None]:
    return explained(
        login, away=(EOFError,), refused=(poplib.error_proto, ValueError), words=_words
    )


def _words(error: Exception) -> str:
    """Return the server's message, or that of the error."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    return text.removeprefix("-ERR")
