"""Bounces that Postfix makes, delivered to Dovecot and to our own listener, and read from there."""

import os
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import imap_tools
import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import Incoming, IntakeMailbox
from campaigns.intake import mailboxes
from campaigns.intake.imap import ImapMailbox
from campaigns.intake.mailboxes import IntakeMailboxInput
from campaigns.intake.pop3 import Pop3Mailbox
from campaigns.intake.reader import MailboxLogin, MailboxTroubleError
from campaigns.reason import Reason
from campaigns.tokens import delivery_token
from tests.conftest import settings_for_tests
from tests.intake.mail_servers import PASSWORD, MailServers, are_installed, mail_servers, wait_for

pytestmark = [
    pytest.mark.realmail,
    pytest.mark.process,
    pytest.mark.runs_on("sqlite"),
    pytest.mark.skipif(not are_installed(), reason="Postfix and Dovecot are not installed"),
]


@pytest.fixture(scope="module")
def servers() -> Iterator[MailServers]:
    # Not in pytest's folder, which other users cannot enter.
    with tempfile.TemporaryDirectory() as folder, mail_servers(Path(folder)) as started:
        yield started


@pytest.fixture
def settings(database_url: str, tmp_path: Path, servers: MailServers) -> Settings:
    return settings_for_tests(
        tmp_path, database_url=database_url, intake_lmtp=f"127.0.0.1:{servers.intake}"
    )


@pytest.fixture
def start(app: Flask, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start `campaigns intake`, as often as called; all end with the test."""
    started: list[subprocess.Popen[bytes]] = []
    settings = services().settings
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": settings.database_url,
        "INTAKE_LMTP": settings.intake_lmtp,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "REDIS_URL": settings.redis_url,
    }

    def run() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "campaigns.cli", "intake"]
        started.append(subprocess.Popen(command, env=environment))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(10)


def send(servers: MailServers, *, sender: str, to: str, count: int = 1) -> None:
    with smtplib.SMTP("127.0.0.1", servers.smtp) as client:
        for number in range(count):
            body = f"Subject: News {number}\r\nMessage-ID: <{number}@example.org>\r\n\r\nHello\r\n"
            client.sendmail(sender, [to], body)


def add_mailbox(servers: MailServers, *, protocol: str, user: str = "b") -> IntakeMailbox:
    typed = IntakeMailboxInput(
        protocol=protocol, host="127.0.0.1", port=str(getattr(servers, protocol)),
        security="none", username=user, password=PASSWORD,
        done_folder="Done" if protocol == "imap" else "", is_on=True,
    )  # fmt: skip
    with transaction():
        return mailboxes.save(None, typed, services().vault, account_id=None, now=utcnow())


def received() -> list[Incoming]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Incoming).order_by(Incoming.id)))


def wait_until(is_done: Callable[[], bool], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_bounce_goes_through_postfix_and_dovecot_into_the_intake(
    servers: MailServers, start: Callable[[], subprocess.Popen[bytes]], protocol: str
) -> None:
    add_mailbox(servers, protocol=protocol)
    token = delivery_token(services().signer, 7)
    start()
    send(servers, sender=f"b+{token}@example.org", to="nobody@example.org")
    wait_until(lambda: len(received()) == 1, seconds=90)
    (row,) = received()
    assert row.source == protocol
    assert b"Undelivered Mail Returned to Sender" in row.body
    assert token.encode() in row.body
    assert b"550 5.1.1" in row.body


def test_a_bounce_goes_through_postfix_into_our_listener(
    servers: MailServers, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    token = delivery_token(services().signer, 7)
    start()
    wait_for(servers.intake)  # Postfix would try again after minutes
    send(servers, sender=f"b+{token}@intake.example.org", to="nobody@example.org")
    wait_until(lambda: len(received()) == 1)
    (row,) = received()
    assert row.source == "lmtp"
    assert f"Delivered-To: b+{token}@intake.example.org\r\n".encode() in row.body


def test_kill_9_in_the_middle_loses_and_doubles_nothing(
    servers: MailServers, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    count = 300
    send(servers, sender="b@example.org", to="reader@example.org", count=count)
    add_mailbox(servers, protocol="imap", user="reader")
    process = start()
    for part in (1, count // 3, 2 * count // 3):
        wait_until(partial(_has_received, part))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        process = start()
    wait_until(partial(_has_received, count))
    subjects = {
        row.body.partition(b"Subject: News ")[2].partition(b"\r\n")[0] for row in received()
    }
    assert subjects == {b"%d" % number for number in range(count)}
    assert len(received()) == count
    wait_until(lambda: _left(servers) == 0)


def a_reader(
    servers: MailServers, user: str = "b", *, folder: str = "INBOX", done_folder: str = "Done"
) -> ImapMailbox:
    login = MailboxLogin("imap", "127.0.0.1", servers.imap, "none", user, PASSWORD)
    return ImapMailbox(replace(login, folder=folder, done_folder=done_folder))


def deliver(servers: MailServers, count: int) -> None:
    send(servers, sender="news@example.org", to="other@example.org", count=count)
    folder = servers.folder / "mail" / "other" / "new"
    wait_until(lambda: folder.exists() and len(list(folder.iterdir())) == count)


def test_a_mailbox_that_another_program_empties_meanwhile_is_read_to_its_end(
    servers: MailServers,
) -> None:
    deliver(servers, 60)
    with closing(a_reader(servers, "other")) as reader:
        first = reader.read()
        assert len(first) == 50
        with imap_tools.MailBoxUnencrypted("127.0.0.1", servers.imap) as box:
            box.login("other", PASSWORD)
            box.delete(box.uids())
        reader.done([email.key for email in first])
        assert reader.read() == ()


def test_what_is_read_moves_to_the_folder_or_is_marked_as_read(servers: MailServers) -> None:
    deliver(servers, 2)
    with closing(a_reader(servers, "other", done_folder="")) as reader:
        found = reader.read()
        reader.done([found[0].key])
    with closing(a_reader(servers, "other", done_folder="")) as reader:
        assert [email.raw for email in reader.read()] == [found[1].raw]
    with closing(a_reader(servers, "other")) as reader:
        reader.done([email.key for email in reader.read()])
    with closing(a_reader(servers, "other", folder="Done", done_folder="")) as reader:
        assert {email.raw for email in reader.read()} == {found[1].raw}


def refusal(servers: MailServers) -> Reason:
    """Return why a login is refused, once Dovecot has noticed the change of its file."""
    for _ in range(100):
        try:
            a_reader(servers).close()
        except MailboxTroubleError as error:
            return error.reason
        time.sleep(0.1)
    raise AssertionError("the old password stayed valid")


def test_a_password_that_changes_is_told_with_the_words_of_the_server(
    servers: MailServers,
) -> None:
    users = servers.folder / "users"
    before = users.read_text()
    with closing(a_reader(servers)) as reader:
        users.write_text(before.replace(f"}}{PASSWORD}:", "}cake:"))
        reader.read()  # an open connection stays open
    reason = refusal(servers)
    users.write_text(before)
    assert reason.code == "intake.login_refused"
    assert "Authentication failed" in str(reason.params["error"])


def test_a_server_that_does_not_answer_is_named(servers: MailServers) -> None:
    login = MailboxLogin("pop3", "127.0.0.1", 1, "none", "b", PASSWORD)
    for kind in (ImapMailbox, Pop3Mailbox):
        with pytest.raises(MailboxTroubleError) as refused:
            kind(login)
        assert refused.value.reason.code == "intake.unreachable"


def _has_received(count: int) -> bool:
    return len(received()) >= count


def _left(servers: MailServers) -> int:
    """Count what is not put aside."""
    folder = servers.folder / "mail" / "reader"
    return sum(len(list((folder / name).iterdir())) for name in ("new", "cur"))
