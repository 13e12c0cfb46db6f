"""The listener behind a mail server, over real sockets."""

import smtplib

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.db import db
from campaigns.events.models import Incoming
from campaigns.mailbox.session import LmtpSession, MailboxSession
from tests.intake.listening import listening

RAW = b"Subject: Undelivered\r\n\r\nno such user\r\n"
TO = ["b+token@example.org", "other@example.org"]


def stored() -> list[bytes]:
    return list(db.session.scalars(sa.select(Incoming.body).order_by(Incoming.id)))


def test_an_email_over_lmtp_is_stored_and_answered_for_each_recipient(app: Flask) -> None:
    with listening(app, LmtpSession) as port, smtplib.LMTP("127.0.0.1", port) as client:
        assert client.ehlo()[0] == 250
        client.mail("<>")
        for address in TO:
            client.rcpt(address)
        assert client.docmd("DATA")[0] == 354
        client.send(RAW + b".\r\n")
        assert [client.getreply()[0] for _ in TO] == [250, 250]
        assert client.docmd("NOOP")[0] == 250
    (body,) = stored()
    assert body.startswith(b"Return-Path: <>\r\nDelivered-To: b+token@example.org\r\n")
    assert body.endswith(RAW)


def test_an_email_over_smtp_is_stored_once_however_often_it_is_sent(app: Flask) -> None:
    with listening(app, MailboxSession) as port:
        for _ in range(2):
            with smtplib.SMTP("127.0.0.1", port) as client:
                client.sendmail("", TO[:1], RAW)
    assert len(stored()) == 1


@pytest.mark.parametrize(("session", "verb"), [(LmtpSession, "EHLO"), (MailboxSession, "LHLO")])
def test_each_protocol_has_its_own_greeting(
    app: Flask, session: type[MailboxSession], verb: str
) -> None:
    with listening(app, session) as port, smtplib.SMTP("127.0.0.1", port) as client:
        assert client.docmd(verb, "mx.example.org")[0] == 502


def test_the_server_is_asked_to_try_again_while_the_database_fails(app: Flask) -> None:
    db.session.execute(sa.text("ALTER TABLE incoming RENAME TO gone"))
    db.session.commit()
    try:
        with listening(app, LmtpSession) as port, smtplib.LMTP("127.0.0.1", port) as client:
            client.ehlo()
            client.mail("<>")
            client.rcpt(TO[0])
            client.docmd("DATA")
            client.send(RAW + b".\r\n")
            assert client.getreply()[0] == 452
    finally:
        db.session.execute(sa.text("ALTER TABLE gone RENAME TO incoming"))
        db.session.commit()
    assert stored() == []
