"""Bounces that Postfix makes, delivered to Dovecot and to our own listener, and read from there."""

import os
import shutil
import signal
import smtplib
import sqlite3
import ssl
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
from flask.testing import FlaskClient

from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.bounces.feedback import feedback_of
from campaigns.events.models import Incoming, IntakeMailbox
from campaigns.intake import mailboxes
from campaigns.intake.imap import ImapMailbox
from campaigns.intake.mailboxes import IntakeMailboxInput
from campaigns.intake.pop3 import Pop3Mailbox
from campaigns.intake.reader import MailboxLogin, MailboxTroubleError
from campaigns.providers.smtp import oauth
from campaigns.reason import Reason
from campaigns.tokens import Signer, delivery_token
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.factories import a_provider
from tests.intake.mail_servers import PASSWORD, MailServers, are_installed, mail_servers, wait_for
from tests.token_endpoint import ok, serving
from tests.web.visits import visit

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


# --- a pipe ---------------------------------------------------------------------------------------

_PROGRAM = """#!/bin/sh
export PYTHONPATH={paths} LD_LIBRARY_PATH={libraries} DATA_DIR={folder} DATABASE_URL=sqlite:///{folder}/pipe.sqlite3
export SECRET_KEY={key} REDIS_URL=redis://127.0.0.1:1
exec {python} -m campaigns.cli "$@"
"""


def a_python_for_others(folder: Path) -> Path:
    """Return this Python in a place that the user of the mail server may enter, with links."""
    base, name = Path(sys.base_prefix), f"python{sys.version_info[0]}.{sys.version_info[1]}"
    (folder / "bin").mkdir(parents=True)
    unused = shutil.ignore_patterns("site-packages", "dist-packages", "test")
    library = folder / "lib" / name
    shutil.copytree(base / "lib" / name, library, symlinks=True, ignore=unused, copy_function=link)
    for shared in (base / "lib").glob("libpython*.so*"):
        link(shared, folder / "lib" / shared.name)
    link(Path(sys.executable).resolve(), folder / "bin" / name)
    return folder / "bin" / name


def link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another disk
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def python_for_others(servers: MailServers) -> Path:
    return a_python_for_others(servers.folder / "python")


@pytest.fixture
def piped(
    servers: MailServers, settings: Settings, python_for_others: Path
) -> Callable[[], list[bytes]]:
    """Let Postfix start `campaigns` as another user; returns what reads the stored emails."""
    folder = servers.folder / "pipe"
    database = folder / "pipe.sqlite3"
    python = python_for_others
    for old in folder.glob("pipe.sqlite3*"):
        old.unlink()
    shutil.copy(settings.database_url.removeprefix("sqlite:///"), database)
    program = folder / "campaigns"
    program.write_text(
        _PROGRAM.format(
            paths=os.pathsep.join(one for one in sys.path if not one.startswith(sys.base_prefix)),
            libraries=python.parent.parent / "lib", folder=folder, python=python,
            key=settings.secret_key.get_secret_value(),
        )
    )  # fmt: skip
    program.chmod(0o755)
    for path in (folder, database):
        shutil.chown(path, "mail")

    def stored() -> list[bytes]:
        with closing(sqlite3.connect(database)) as connection:
            return [row[0] for row in connection.execute("SELECT body FROM incoming ORDER BY id")]

    return stored


@pytest.mark.parametrize("domain", ["pipe.example.org", "alias.example.org"])
def test_a_bounce_goes_through_a_pipe_of_postfix(
    servers: MailServers, piped: Callable[[], list[bytes]], domain: str
) -> None:
    token = delivery_token(Signer([SECRET_KEY]), 7)
    send(servers, sender=f"b+{token}@{domain}", to="nobody@example.org")
    wait_until(lambda: len(piped()) == 1)
    (body,) = piped()
    assert body.startswith(f"Return-Path: <>\r\nDelivered-To: b+{token}@{domain}\r\n".encode())
    (said,) = feedback_of(body, utcnow())
    assert (said.kind, said.token, said.return_domain) == ("bounced", token, domain)


def test_postfix_keeps_an_email_while_the_pipe_cannot_store_it(
    servers: MailServers, piped: Callable[[], list[bytes]]
) -> None:
    database = servers.folder / "pipe" / "pipe.sqlite3"
    database.rename(database.with_suffix(".away"))
    send(servers, sender="p@example.net", to="b+kept@pipe.example.org")
    log = servers.folder / "postfix.log"
    wait_until(lambda: "status=deferred" in log.read_text())
    database.unlink(missing_ok=True)  # an empty one that the program began
    database.with_suffix(".away").rename(database)
    servers.flush()
    wait_until(lambda: len(piped()) == 1)


# --- OAuth 2 --------------------------------------------------------------------------------------


def test_an_expired_access_token_is_told_and_replaced(
    servers: MailServers,
    owner_client: FlaskClient,
    server_tls: ssl.SSLContext,
    trusted: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oauth, "KNOWN_HOSTS", frozenset({"localhost"}))
    with transaction():
        account = a_provider()
    for protocol in ("imap", "pop3"):
        oauth.forget_all()
        servers.tokens.clear()
        servers.tokens["token-1"] = "b"
        answers = (ok(), ok(access_token="token-1"), ok(access_token="token-2"))
        with serving(server_tls, *answers) as endpoint:
            form = {
                "protocol": protocol, "host": "127.0.0.1", "port": getattr(servers, protocol),
                "security": "none", "username": "b", "auth": "xoauth2", "client_id": "the-app",
                "token_url": endpoint.grant().token_url, "refresh_token": "first", "is_on": "1",
            }  # fmt: skip
            path = f"/settings/providers/{account.public_id}/returns/mailbox/test"
            good = visit(owner_client, path, "POST", data=form).text
            assert "b at 127.0.0.1 can be read." in good
            del servers.tokens["token-1"]
            servers.tokens["token-2"] = "b"
            for _ in range(2):  # the cached one, and one that the endpoint still gives
                refused = visit(owner_client, path, "POST", data=form).text
                assert "127.0.0.1 refused the access token" in refused, protocol
            assert "can be read." in visit(owner_client, path, "POST", data=form).text
            assert [asked["refresh_token"] for asked in endpoint.asked] == ["first"] * 3


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
