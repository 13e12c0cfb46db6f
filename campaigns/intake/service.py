"""The intake process: reads each mailbox in its own thread, and listens for mail servers."""

import asyncio
import signal
import threading
from collections.abc import Sequence
from contextlib import closing

import sqlalchemy as sa
import structlog
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import IntakeMailbox
from campaigns.intake import mailboxes
from campaigns.intake.imap import ImapMailbox
from campaigns.intake.listener import listen
from campaigns.intake.pop3 import Pop3Mailbox
from campaigns.intake.reader import MailboxLogin, MailboxReader, MailboxTroubleError
from campaigns.intake.storing import Arrived, store
from campaigns.outages import outages
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError

log = structlog.get_logger()

POLL_INTERVAL_SECONDS = 5.0
"""Interval between checks for new and changed mailboxes, in seconds."""
WAIT_SECONDS = 60.0
"""Longest wait for an email before the mailbox is checked again, in seconds."""
FIRST_RETRY_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 900.0
"""Longest pause before a retry, in seconds: some servers lock an account after wrong passwords."""


def open_mailbox(login: MailboxLogin) -> MailboxReader:
    """Connect and log in. Raises MailboxTroubleError."""
    return ImapMailbox(login) if login.protocol == "imap" else Pop3Mailbox(login)


def read_all(reader: MailboxReader, *, source: str, mailbox_id: int, account_id: int | None) -> int:
    """Store whatever is new in a mailbox, batch by batch; returns how many emails were.

    An email is put aside only after it is committed. If this process dies in between, it is read
    again and stored once. Emails that cannot be put aside do not hold up later ones. Raises
    MailboxTroubleError, SQLAlchemyError.
    """
    new = 0
    trouble: MailboxTroubleError | None = None
    while found := reader.read():
        new += store(
            [Arrived(email.raw) for email in found],
            source=source,
            mailbox_id=mailbox_id,
            account_id=account_id,
        )
        try:
            reader.done([email.key for email in found])
        except MailboxTroubleError as error:
            trouble = trouble or error
    if trouble is not None:
        raise trouble
    return new


class MailboxThread(threading.Thread):
    """Reads one mailbox until it is stopped. Survives whatever goes wrong, and tries again."""

    def __init__(self, app: Flask, mailbox_id: int, version: int) -> None:
        super().__init__(name=f"mailbox {mailbox_id}", daemon=True)
        self._app, self._mailbox_id, self.version = app, mailbox_id, version
        self._stop_event = threading.Event()
        self._retry_seconds = FIRST_RETRY_SECONDS

    def stop(self) -> None:
        """Ask it to end after the current batch or wait."""
        self._stop_event.set()

    def run(self) -> None:
        """Read until it is stopped, or its settings change."""
        while not self._stop_event.is_set():
            with self._app.app_context():
                try:
                    self._read()
                except MailboxTroubleError as error:
                    self._note_trouble(error.reason)
                except SecretUnreadableError as error:
                    self._note_trouble(error.reason)
                except (SQLAlchemyError, RedisError) as error:
                    outages.began("intake", error)
                    self._stop_event.wait(FIRST_RETRY_SECONDS)
                except Exception:
                    log.exception("mailbox cannot be read", mailbox=self._mailbox_id)
                    self._note_trouble(Reason("intake.unexpected"))
                finally:
                    db.session.remove()

    def _read(self) -> None:
        """Read until something fails or the settings change."""
        mailbox = db.session.get(IntakeMailbox, self._mailbox_id)
        if mailbox is None or not mailbox.is_on or mailbox.version != self.version:
            self.stop()
            return
        login = mailboxes.login_of(mailbox, services().vault)
        source, account_id = mailbox.protocol, mailbox.account_id
        db.session.rollback()  # no transaction stays open while waiting for the mailbox
        with closing(open_mailbox(login)) as reader:
            while not self._stop_event.is_set():
                new = read_all(
                    reader, source=source, mailbox_id=self._mailbox_id, account_id=account_id
                )
                with transaction():
                    mailboxes.note_checked(
                        self._mailbox_id, self.version, received=new, now=utcnow()
                    )
                    mailboxes.keep_renewed(self._mailbox_id, self.version, services().vault)
                outages.over("intake")
                self._retry_seconds = FIRST_RETRY_SECONDS
                reader.wait(WAIT_SECONDS)

    def _note_trouble(self, reason: Reason) -> None:
        log.warning("mailbox cannot be read", mailbox=self._mailbox_id, reason=reason.pack())
        try:
            with transaction():
                mailboxes.note_trouble(self._mailbox_id, self.version, reason, now=utcnow())
        except SQLAlchemyError as error:
            outages.began("intake", error)
        self._stop_event.wait(self._retry_seconds)
        self._retry_seconds = min(2 * self._retry_seconds, LONGEST_RETRY_SECONDS)


class Intake:
    """Keeps one thread for each mailbox that is on."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._threads: dict[int, MailboxThread] = {}

    def look(self) -> None:
        """Start and stop threads to match the settings. Never raises for an outage."""
        with self._app.app_context():
            try:
                wanted = dict(_mailboxes_on())
            except SQLAlchemyError as error:
                outages.began("intake", error)
                return
            finally:
                db.session.remove()
        for number, thread in list(self._threads.items()):
            if wanted.get(number) != thread.version or not thread.is_alive():
                thread.stop()
                del self._threads[number]
        for number, version in wanted.items():
            if number not in self._threads:
                self._threads[number] = MailboxThread(self._app, number, version)
                self._threads[number].start()

    def stop(self) -> None:
        """Ask all threads to end. What they have not put aside is read again later."""
        for thread in self._threads.values():
            thread.stop()


def _mailboxes_on() -> Sequence[tuple[int, int]]:
    rows = db.session.execute(
        sa.select(IntakeMailbox.id, IntakeMailbox.version).where(IntakeMailbox.is_on)
    )
    return [(row.id, row.version) for row in rows]


def run_intake(app: Flask) -> None:
    """Take in emails until SIGTERM or SIGINT."""
    asyncio.run(_run(app))


async def _run(app: Flask) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    intake = Intake(app)
    listening = asyncio.create_task(listen(app, stop))
    log.info("intake started")
    while not stop.is_set():
        await asyncio.to_thread(intake.look)
        try:
            await asyncio.wait_for(stop.wait(), POLL_INTERVAL_SECONDS)
        except TimeoutError:
            continue
    intake.stop()
    await listening
    log.info("intake stopped")
