"""Read a mailbox over IMAP (RFC 3501), with IDLE (RFC 2177) where the server has it."""

import contextlib
import imaplib
import re
import ssl
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import cast

import structlog
from imap_tools import MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import (
    ImapToolsError,
    MailboxFetchError,
    MailboxLoginError,
    UnexpectedCommandStatusError,
)
from imap_tools.mailbox import BaseMailBox

from campaigns.events.incoming import MAX_BYTES
from campaigns.intake.reader import (
    BATCH,
    BATCH_BYTES,
    CONNECT_SECONDS,
    FoundEmail,
    MailboxLogin,
    MailboxTroubleError,
    explained,
    logging_in,
)

log = structlog.get_logger()

_ATTRIBUTES = re.compile(rb"UID (\d+)")
_SIZE = re.compile(rb"UID (\d+).*RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+).*UID (\d+)")


class ImapMailbox:
    """See `MailboxReader`.

    If processed emails are moved to a folder, all that are left are new; otherwise the unseen ones.
    Emails whose keys were returned once are not returned again, even if they cannot be moved.
    """

    def __init__(self, login: MailboxLogin) -> None:
        self._login = login
        with _explained(login):
            self._box = _connect(login)
        try:
            with _explained(login):
                _log_in(self._box, login)
                self._box.folder.set(login.folder)
                if login.done_folder and not self._box.folder.exists(login.done_folder):
                    self._box.folder.create(login.done_folder)
                self._box.folder.set(login.folder)
        except MailboxTroubleError:
            self.close()
            raise
        self._waiting: list[str] = []
        self._returned: set[str] = set()
        self._has_read = False
        self._not_fetched: MailboxFetchError | None = None

    def read(self) -> Sequence[FoundEmail]:
        """See `MailboxReader`."""
        with _explained(self._login):
            if not self._waiting:
                wanted = "ALL" if self._login.done_folder else "UNSEEN"
                found = self._box.uids(wanted, charset=None)
                self._returned.intersection_update(found)
                self._waiting = [uid for uid in found if uid not in self._returned]
            return self._next()

    def _next(self) -> Sequence[FoundEmail]:
        """Return the next batch. Another program may have taken some, or all, of it."""
        while self._waiting:
            batch = self._batch(self._waiting[:BATCH])
            found = self._fetch(batch)
            self._returned.update(batch)
            self._waiting = self._waiting[len(batch) :]
            if found:
                self._has_read = True
                return found
        if self._not_fetched is not None and not self._has_read:
            raise self._not_fetched
        return ()

    def _batch(self, uids: Sequence[str]) -> Sequence[str]:
        """Return the first of these, as many as BATCH_BYTES allows."""
        _, lines = self._box.client.uid("FETCH", ",".join(uids), "(RFC822.SIZE)")
        sizes: dict[str, int] = {}
        for line in lines:
            if isinstance(line, bytes) and (match := _SIZE.search(line)):
                uid, size = match[1] or match[4], match[2] or match[3]
                sizes[uid.decode()] = int(size)
        total = 0
        for number, uid in enumerate(uids):
            total += min(sizes.get(uid, MAX_BYTES), MAX_BYTES)
            if number and total > BATCH_BYTES:
                return uids[:number]
        return uids

    def _fetch(self, uids: Sequence[str]) -> Sequence[FoundEmail]:
        """Return these emails. One that the server cannot return does not hold up the others."""
        try:
            return self._fetch_together(uids)
        except MailboxFetchError as error:
            self._not_fetched = error
        found: list[FoundEmail] = []
        for uid in uids:
            try:
                found += self._fetch_together([uid])
            except MailboxFetchError as error:
                log.warning("an email cannot be read", uid=uid, error=_words(error))
        return found

    def _fetch_together(self, uids: Sequence[str]) -> list[FoundEmail]:
        # PEEK leaves them unseen until they are stored; the extra byte tells if an email is longer.
        parts = f"(BODY.PEEK[]<0.{MAX_BYTES + 1}>)"
        status, answer = self._box.client.uid("FETCH", ",".join(uids), parts)
        if status != "OK":
            raise MailboxFetchError((status, answer), "OK")
        found = []
        for number, item in enumerate(answer):
            if isinstance(item, tuple):
                # Some servers send the UID after the text.
                after = answer[number + 1] if number + 1 < len(answer) else b""
                match = _ATTRIBUTES.search(item[0]) or _ATTRIBUTES.search(
                    after if isinstance(after, bytes) else b""
                )
                if match:
                    found.append(FoundEmail(match[1].decode(), cast("bytes", item[1])))
        return found

    def done(self, keys: Sequence[str]) -> None:
        """See `MailboxReader`."""
        with _explained(self._login):
            refused = self._refused(keys)
            if refused is not None and len(keys) > 1:
                # One that cannot be put aside must not hold up the others.
                refused = next(filter(None, [self._refused([key]) for key in keys]), None)
            if refused is not None:
                raise refused

    def _refused(self, keys: Sequence[str]) -> UnexpectedCommandStatusError | None:
        """Put these emails aside. Returns the error if the server refuses that."""
        try:
            if self._login.done_folder:
                self._box.move(list(keys), self._login.done_folder)
            else:
                self._box.flag(list(keys), r"\Seen", value=True)
        except UnexpectedCommandStatusError as error:
            # Some servers refuse what another program has moved meanwhile: it is gone, too.
            return error if self._are_left(keys) else None
        return None

    def _are_left(self, keys: Sequence[str]) -> bool:
        """Return whether any of these emails is still in the folder."""
        return bool(self._box.uids(f"UID {','.join(keys)}", charset=None))

    def wait(self, seconds: float) -> None:
        """See `MailboxReader`."""
        with _explained(self._login):
            if "IDLE" in self._box.client.capabilities:
                self._box.idle.wait(timeout=seconds)
            else:
                time.sleep(seconds)
                self._box.client.noop()

    def close(self) -> None:
        """See `MailboxReader`."""
        with contextlib.suppress(Exception):
            self._box.logout()


def _connect(login: MailboxLogin) -> BaseMailBox:
    if login.security == "none":
        return MailBoxUnencrypted(login.host, login.port, timeout=CONNECT_SECONDS)
    kind = MailBox if login.security == "tls" else MailBoxStartTls
    context = ssl.create_default_context()
    return kind(login.host, login.port, timeout=CONNECT_SECONDS, ssl_context=context)


def _log_in(box: BaseMailBox, login: MailboxLogin) -> None:
    with logging_in(login, (_LoginRefusedError,), _words):
        try:
            if login.token is None:
                box.login(login.username, login.password, initial_folder=None)
            else:
                box.xoauth2(login.username, login.token(), initial_folder=None)
        except imaplib.IMAP4.abort:
            raise
        except (MailboxLoginError, imaplib.IMAP4.error) as error:
            raise _LoginRefusedError(_words(error)) from None


class _LoginRefusedError(Exception):
    """The server does not accept the login."""


def _explained(login: MailboxLogin) -> AbstractContextManager[None]:
    return explained(
        login,
        away=(imaplib.IMAP4.abort,),
        # ValueError: the library refuses some ports.
        refused=(imaplib.IMAP4.error, ImapToolsError, ValueError),
        words=_words,
    )


def _words(error: Exception) -> str:
    """Return the server's message, or that of the error."""
    if isinstance(error, UnexpectedCommandStatusError):
        _, said = error.command_result
        return said[0].decode("utf-8", "replace") if said and said[0] else ""
    return str(error).removeprefix("b'").removesuffix("'")
