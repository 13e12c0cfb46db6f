"""POP3 against a small server on loopback; with a real one, see test_realmail."""

import socketserver
import threading
from collections.abc import Iterator

import pytest

from campaigns.events.incoming import MAX_BYTES
from campaigns.intake.pop3 import PIECE_BYTES, Pop3Mailbox
from campaigns.intake.reader import MailboxLogin, MailboxTroubleError

EMAILS: list[bytes] = []
REFUSED: set[bytes] = set()
"""Commands that the server refuses."""


class KeepsAll(socketserver.StreamRequestHandler):
    """A server that says yes to DELE and keeps the email, as some archives do."""

    def handle(self) -> None:
        self.say(b"+OK")
        for line in self.rfile:
            command, number, *_ = [*line.split(), b"0"]
            if line.strip() in REFUSED:
                self.say(b"-ERR this one is broken")
            elif command == b"LIST":
                sizes = (b"%d %d" % (at, len(raw)) for at, raw in enumerate(EMAILS, 1))
                self.say(b"+OK", *sizes, b".")
            elif command in (b"RETR", b"TOP"):
                self.say(b"+OK", EMAILS[int(number) - 1].replace(b"\r\n.", b"\r\n..") + b".")
            else:
                self.say(b"+OK")
            if command == b"QUIT":
                return

    def say(self, *lines: bytes) -> None:
        self.wfile.write(b"\r\n".join((*lines, b"")))


@pytest.fixture
def login() -> Iterator[MailboxLogin]:
    EMAILS[:] = [b"Subject: one\r\n\r\nOne\r\n", b"Subject: two\r\n\r\nTwo\r\n"]
    REFUSED.clear()
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), KeepsAll) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield MailboxLogin("pop3", "127.0.0.1", server.server_address[1], "none", "b", "tea")
        server.shutdown()


def test_what_a_server_keeps_in_spite_of_dele_is_read_once_until_the_next_look(
    login: MailboxLogin,
) -> None:
    reader = Pop3Mailbox(login)
    found = reader.read()
    assert [email.raw for email in found] == EMAILS
    reader.done([email.key for email in found])
    assert reader.read() == []
    EMAILS.append(b"Subject: three\r\n\r\nThree\r\n")
    reader.wait(0)
    assert [email.raw for email in reader.read()] == EMAILS
    reader.close()


@pytest.mark.parametrize(
    "text",
    [b"x" * 2_000_000, b".\r\n..\r\n.x", b"x" * (PIECE_BYTES - 1) + b".\r\n.", b"x" * PIECE_BYTES],
    ids=["a line of 2 MB", "dots", "a dot at the end of a piece", "a line of one piece"],
)
def test_lines_of_any_length_are_read(login: MailboxLogin, text: bytes) -> None:
    EMAILS[0] = b"Subject: long\r\n\r\n" + text + b"\r\n"
    reader = Pop3Mailbox(login)
    assert [email.raw for email in reader.read()] == EMAILS
    reader.close()


def test_an_email_with_one_line_larger_than_the_limit_is_cut(login: MailboxLogin) -> None:
    EMAILS[0] = b"x" * (MAX_BYTES + 100) + b"\r\n"
    reader = Pop3Mailbox(login)
    found = [*reader.read(), *reader.read()]
    assert [len(email.raw) for email in found] == [MAX_BYTES, len(EMAILS[1])]
    reader.close()


def test_an_email_that_the_server_cannot_return_holds_up_no_others(login: MailboxLogin) -> None:
    REFUSED.add(b"RETR 1")
    reader = Pop3Mailbox(login)
    assert [email.raw for email in reader.read()] == EMAILS[1:]
    reader.close()
    REFUSED.add(b"RETR 2")
    reader = Pop3Mailbox(login)
    with pytest.raises(MailboxTroubleError):
        reader.read()
    reader.close()


def test_an_email_that_cannot_be_deleted_holds_up_no_others(login: MailboxLogin) -> None:
    REFUSED.add(b"DELE 1")
    reader = Pop3Mailbox(login)
    found = reader.read()
    with pytest.raises(MailboxTroubleError):
        reader.done([email.key for email in found])
    assert reader.read() == [], "each is read once"
    reader.close()
