"""POP3 against a small server on loopback; with a real one, see test_realmail."""

import socketserver
import threading
from collections.abc import Iterator

import pytest

from campaigns.intake.pop3 import Pop3Mailbox
from campaigns.intake.reader import MailboxLogin

EMAILS = [b"Subject: one\r\n\r\nOne\r\n", b"Subject: two\r\n\r\nTwo\r\n"]


class KeepsAll(socketserver.StreamRequestHandler):
    """A server that says yes to DELE and keeps the email, as some archives do."""

    def handle(self) -> None:
        self.say(b"+OK")
        for line in self.rfile:
            command, _, number = line.strip().partition(b" ")
            if command == b"LIST":
                sizes = (b"%d %d" % (at, len(raw)) for at, raw in enumerate(EMAILS, 1))
                self.say(b"+OK", *sizes, b".")
            elif command == b"RETR":
                self.say(b"+OK", EMAILS[int(number) - 1] + b".")
            else:
                self.say(b"+OK")
            if command == b"QUIT":
                return

    def say(self, *lines: bytes) -> None:
        self.wfile.write(b"\r\n".join((*lines, b"")))


@pytest.fixture
def login() -> Iterator[MailboxLogin]:
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
