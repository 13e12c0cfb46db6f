"""IMAP against a small server on loopback; with a real one, see test_realmail."""

import socketserver
import threading
from collections.abc import Iterator

import pytest

from campaigns.intake.imap import ImapMailbox
from campaigns.intake.reader import MailboxLogin, MailboxTroubleError


class Folder:
    """The folder of the server, by UID, and what it refuses: commands with a UID."""

    def __init__(self) -> None:
        self.emails = {number: b"Subject: %d\r\n\r\n" % number for number in range(1, 6)}
        self.done: list[int] = []
        self.refused: set[tuple[bytes, int]] = set()


class Session(socketserver.StreamRequestHandler):
    """Speaks as much IMAP as `ImapMailbox` does. Refuses whole commands, as servers do."""

    folder: Folder

    def handle(self) -> None:
        self.say(b"* OK [CAPABILITY IMAP4rev1 MOVE] ready")
        for line in self.rfile:
            tag, command, *words = line.split()
            if command == b"UID":
                command, *words = words
            if command in (b"FETCH", b"MOVE", b"STORE"):
                numbers = [int(one) for one in words[0].split(b",")]
                if any((command, number) in self.folder.refused for number in numbers):
                    self.say(tag + b" NO this one is broken")
                    continue
                self.act(command, numbers, line)
            elif command == b"CAPABILITY":
                self.say(b"* CAPABILITY IMAP4rev1 MOVE")
            elif command == b"LIST":
                self.say(b'* LIST () "/" Done')
            elif command == b"SEARCH":
                found = [
                    number
                    for number in self.folder.emails
                    if not words[1:] or b"%d" % number in line
                ]
                self.say(b"* SEARCH " + b" ".join(b"%d" % number for number in found))
            self.say(tag + b" OK done")

    def act(self, command: bytes, numbers: list[int], line: bytes) -> None:
        for number in numbers:
            raw = self.folder.emails[number]
            if command == b"MOVE":
                self.folder.done.append(number)
                del self.folder.emails[number]
            elif b"RFC822.SIZE" in line:
                self.say(b"* 1 FETCH (UID %d RFC822.SIZE %d)" % (number, len(raw)))
            elif command == b"FETCH":
                self.say(b"* 1 FETCH (UID %d BODY[]<0> {%d}" % (number, len(raw)), raw + b")")

    def say(self, *lines: bytes) -> None:
        self.wfile.write(b"\r\n".join((*lines, b"")))


@pytest.fixture
def folder() -> Folder:
    return Folder()


@pytest.fixture
def login(folder: Folder) -> Iterator[MailboxLogin]:
    session = type("_", (Session,), {"folder": folder})
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), session) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield MailboxLogin(
            "imap", "127.0.0.1", server.server_address[1], "none", "b", "tea", done_folder="Done"
        )
        server.shutdown()


def keys(reader: ImapMailbox) -> list[str]:
    """Everything that it reads, batch by batch."""
    return [email.key for found in iter(reader.read, ()) for email in found]


def test_everything_is_read_and_moved(login: MailboxLogin, folder: Folder) -> None:
    reader = ImapMailbox(login)
    found = reader.read()
    assert [email.raw for email in found] == list(folder.emails.values())
    reader.done([email.key for email in found])
    assert (folder.emails, folder.done) == ({}, [1, 2, 3, 4, 5])
    reader.close()


def test_an_email_that_the_server_cannot_return_holds_up_no_others(
    login: MailboxLogin, folder: Folder
) -> None:
    folder.refused.add((b"FETCH", 2))
    reader = ImapMailbox(login)
    assert keys(reader) == ["1", "3", "4", "5"]
    reader.close()


def test_a_server_that_returns_none_of_them_is_a_trouble_and_counts_none_as_read(
    login: MailboxLogin, folder: Folder
) -> None:
    folder.refused = {(b"FETCH", number) for number in folder.emails}
    reader = ImapMailbox(login)
    with pytest.raises(MailboxTroubleError):
        reader.read()
    folder.refused.clear()
    again = ImapMailbox(login)
    assert keys(again) == ["1", "2", "3", "4", "5"]
    reader.close()
    again.close()


def test_an_email_that_cannot_be_moved_holds_up_no_others(
    login: MailboxLogin, folder: Folder
) -> None:
    folder.refused.add((b"MOVE", 2))
    reader = ImapMailbox(login)
    found = keys(reader)
    with pytest.raises(MailboxTroubleError):
        reader.done(found)
    assert folder.done == [1, 3, 4, 5]
    assert keys(reader) == [], "each is read once"
    reader.close()


def test_a_mailbox_whose_list_is_longer_than_a_line_of_the_library_is_read(
    login: MailboxLogin, folder: Folder
) -> None:
    folder.emails = dict.fromkeys(range(100_000, 250_000), b"x")
    reader = ImapMailbox(login)
    assert [email.key for email in reader.read()][:2] == ["100000", "100001"]
    reader.close()
