"""Take returned emails from a mail server, over LMTP or SMTP."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import listeners
from campaigns.intake.storing import Arrived, store
from campaigns.mailbox.schema import MailboxError
from campaigns.mailbox.server import MailServer
from campaigns.mailbox.session import LmtpSession, MailboxSession
from campaigns.mailbox.writer import Captured
from campaigns.outages import outages

log = structlog.get_logger()

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Size limit of a message while it is received. Some servers return whole emails with attachments;
what is stored is cut at `incoming.MAX_BYTES`."""
MAX_CONNECTIONS = 16
RETRY_SECONDS = 15.0


class IntakeStore:
    """Stores messages as `incoming` rows; the server answers once they are committed."""

    failures: tuple[type[Exception], ...] = (SQLAlchemyError, OSError)

    def __init__(self, app: Flask, source: str) -> None:
        self._app, self._source = app, source

    def append(self, batch: Sequence[Captured], /) -> Sequence[int]:
        """See `MessageStore`."""
        with self._app.app_context():
            try:
                store(
                    [Arrived(one.raw, one.mail_from, one.rcpt_to) for one in batch],
                    source=self._source,
                )
            finally:
                db.session.remove()
        return range(1, len(batch) + 1)


async def listen(app: Flask, stop: asyncio.Event) -> None:
    """Listen on the addresses of the settings until `stop`."""
    with app.app_context():
        settings = services().settings
    ways: dict[str, tuple[str, type[MailboxSession]]] = {
        "lmtp": (settings.intake_lmtp, LmtpSession),
        "smtp": (settings.intake_smtp, MailboxSession),
    }
    async with asyncio.TaskGroup() as group:
        for source, (address, session) in ways.items():
            if address:
                group.create_task(_serve(app, source, address, session, stop))


async def _serve(
    app: Flask,
    source: str,
    address: str,
    session: type[MailboxSession],
    stop: asyncio.Event,
) -> None:
    """Listen on one address until `stop`, and record regularly that it does."""
    server = await _started(app, source, address, session, stop)
    while not stop.is_set():
        await asyncio.to_thread(_note_listening, app, source, address)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), listeners.NOTE_SECONDS)
    await server.stop()


def _note_listening(app: Flask, source: str, address: str) -> None:
    with app.app_context():
        try:
            with transaction():
                listeners.note(source, address, now=utcnow())
        except SQLAlchemyError as error:
            outages.began("intake", error)
        else:
            outages.over("intake")
        finally:
            db.session.remove()


async def _started(
    app: Flask,
    source: str,
    address: str,
    session: type[MailboxSession],
    stop: asyncio.Event,
) -> MailServer:
    """Return a listening server; while its port is taken, retry until `stop`."""
    host, _, port = address.rpartition(":")
    server = MailServer(
        IntakeStore(app, source),
        session=session,
        max_message_bytes=MAX_MESSAGE_BYTES,
        max_connections=MAX_CONNECTIONS,
    )
    is_failing = False
    while not stop.is_set():
        try:
            used = await server.start(host.strip("[]"), int(port))
        except MailboxError as error:
            if not is_failing:
                log.error("intake cannot listen", address=address, error=str(error))
            is_failing = True
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
        else:
            log.info("intake listens", source=source, host=host, port=used)
            break
    return server
