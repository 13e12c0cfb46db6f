"""A thread reads its mailbox for as long as it is on, whatever goes wrong."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import Incoming, IntakeMailbox
from campaigns.intake import mailboxes, service
from campaigns.intake.mailboxes import IntakeMailboxInput
from campaigns.reason import Reason
from tests.intake.test_storing import Mailbox
from tests.supervisor.helpers import wait_until

UNEXPECTED = Reason("intake.unexpected").pack()


class QuietMailbox(Mailbox):
    """Gets nothing new."""

    def wait(self, seconds: float) -> None:
        threading.Event().wait(0.05)


class Opening:
    """Opens the mailbox, but not before `is_mended`."""

    def __init__(self) -> None:
        self.is_mended = False

    def __call__(self, _: object) -> Mailbox:
        if not self.is_mended:
            raise RuntimeError("nobody thought of this")
        return QuietMailbox([b"Subject: a\r\n\r\n"])


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Opening:
    opening = Opening()
    monkeypatch.setattr(service, "FIRST_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(service, "open_mailbox", opening)
    return opening


@pytest.fixture
def thread(app: Flask, opening: Opening) -> Iterator[service.MailboxThread]:
    typed = IntakeMailboxInput(
        host="imap.example.org", username="bounces", password="secret", is_on=True
    )
    with transaction():
        made = mailboxes.save(None, typed, services().vault, account_id=None, now=utcnow())
        db.session.flush()
        thread = service.MailboxThread(app, made.id, made.version)
    thread.start()
    yield thread
    thread.stop()
    thread.join(10)
    assert not thread.is_alive()


def only(column: sa.SQLColumnExpression[str]) -> str:
    db.session.rollback()
    return db.session.execute(sa.select(column)).scalar_one()


def test_an_unexpected_error_is_shown_and_the_mailbox_read_later(
    thread: service.MailboxThread, opening: Opening
) -> None:
    wait_until(lambda: only(IntakeMailbox.trouble) == UNEXPECTED, "the error is shown")
    opening.is_mended = True
    wait_until(lambda: only(IntakeMailbox.trouble) == "", "the mailbox is read")
    assert only(Incoming.source) == "imap"
    assert thread.is_alive()
