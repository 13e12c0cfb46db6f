"""What arrives is stored before it is put aside, whatever happens in between."""

import io
import os
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.db import db
from campaigns.events.models import Incoming
from campaigns.intake.pipe import take_in
from campaigns.intake.reader import FoundEmail, MailboxTroubleError
from campaigns.intake.service import read_all
from campaigns.intake.storing import Arrived, store

pytestmark = pytest.mark.usefixtures("app")


class Mailbox:
    """A mailbox in memory. `breaks` is the number of the call of `done` that fails.

    Emails that are not done are returned again only after `connect`.
    """

    def __init__(self, emails: Sequence[bytes], *, at_once: int = 2, breaks: int = 0) -> None:
        self.emails = {str(number): raw for number, raw in enumerate(emails)}
        self.breaks, self._at_once, self._calls = breaks, at_once, 0
        self.connect()

    def connect(self) -> None:
        self._returned: set[str] = set()

    def read(self) -> Sequence[FoundEmail]:
        left = [key for key in self.emails if key not in self._returned][: self._at_once]
        self._returned.update(left)
        return [FoundEmail(key, self.emails[key]) for key in left]

    def done(self, keys: Sequence[str]) -> None:
        self._calls += 1
        if self._calls == self.breaks:
            raise MailboxTroubleError("intake.unreachable", host="mx", port="993", error="gone")
        for key in keys:
            del self.emails[key]

    def wait(self, seconds: float) -> None:
        raise AssertionError("nothing to wait for")

    def close(self) -> None:
        pass


def stored() -> list[bytes]:
    return list(db.session.scalars(sa.select(Incoming.body).order_by(Incoming.id)))


def read(mailbox: Mailbox) -> int:
    return read_all(mailbox, source="imap", mailbox_id=1, account_id=None)


def test_every_email_is_stored_and_then_put_aside() -> None:
    emails = [b"Subject: %d\r\n\r\n" % number for number in range(5)]
    mailbox = Mailbox(emails)
    assert read(mailbox) == 5
    assert (stored(), mailbox.emails) == (emails, {})
    row = db.session.scalars(sa.select(Incoming)).first()
    assert row is not None
    assert (row.channel, row.source, row.endpoint_id, row.state) == ("email", "imap", 1, "waiting")


def test_an_email_that_was_stored_but_not_put_aside_is_stored_once() -> None:
    emails = [b"Subject: %d\r\n\r\n" % number for number in range(5)]
    mailbox = Mailbox(emails, breaks=2)
    with pytest.raises(MailboxTroubleError):
        read(mailbox)
    assert (len(stored()), list(mailbox.emails)) == (5, ["2", "3"]), "later ones are not held up"
    mailbox.connect()
    assert read(mailbox) == 0
    assert (stored(), mailbox.emails) == (emails, {})


def test_the_envelope_comes_first_as_a_mail_server_writes_it() -> None:
    email = Arrived(b"Subject: x\r\n\r\n", "", ("b+token@example.org", "a\r\nBcc: evil@x.example"))
    assert email.as_delivered() == (
        b"Return-Path: <>\r\nDelivered-To: b+token@example.org\r\n"
        b"Delivered-To: aBcc: evil@x.example\r\nSubject: x\r\n\r\n"
    )
    assert Arrived(b"Subject: x\r\n\r\n").as_delivered() == b"Subject: x\r\n\r\n"


def test_equal_emails_are_stored_once_for_each_mailbox() -> None:
    email = Arrived(b"Subject: x\r\n\r\n")
    assert store([email, email], source="imap", mailbox_id=1) == 1
    assert store([email], source="imap", mailbox_id=1) == 0
    assert store([email], source="imap", mailbox_id=2) == 1


def test_a_pipe_takes_one_email(app: Flask) -> None:
    raw = b"Subject: x\r\n\r\nHello\r\n"
    path = {None: b"", "": b"Return-Path: <>\r\n", "MAILER-DAEMON": b"Return-Path: <>\r\n"}
    for number, sender in enumerate(path):
        to = f"b+{number}@example.org"
        assert take_in(app, io.BytesIO(raw), recipient=to, sender=sender) == os.EX_OK
    assert stored() == [
        before + b"Delivered-To: b+%d@example.org\r\n" % number + raw
        for number, before in enumerate(path.values())
    ]
    assert take_in(app, io.BytesIO(b" \n"), recipient="", sender="") == os.EX_DATAERR


def test_a_pipe_asks_for_another_attempt_while_the_database_fails(app: Flask) -> None:
    with app.app_context():
        db.session.execute(sa.text("ALTER TABLE incoming RENAME TO gone"))
        db.session.commit()
        try:
            code = take_in(app, io.BytesIO(b"Subject: x\r\n\r\n"), recipient="", sender="")
        finally:
            db.session.execute(sa.text("ALTER TABLE gone RENAME TO incoming"))
            db.session.commit()
    assert code == os.EX_TEMPFAIL
