"""The mailbox's replies to an SMTP client."""

import asyncio
import contextlib
import smtplib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.mailbox.server import MailServer
from campaigns.mailbox.session import MailboxSession
from campaigns.mailbox.writer import Writer
from tests.mailbox.mail import ENVELOPE, MESSAGE, Client, Mailbox, running_mailbox


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with running_mailbox(tmp_path / "mailbox.sqlite3", max_message_bytes=100_000) as running:
        yield running


@pytest.fixture
def client(mailbox: Mailbox) -> Iterator[Client]:
    with Client(mailbox.port) as connected:
        yield connected


def test_the_extensions_are_announced(mailbox: Mailbox) -> None:
    with Client(mailbox.port, hello=False) as client:
        assert client.greeting.startswith(b"220 ")
        lines = client.say(b"EHLO client.example\r\n").split(b"\r\n")
    names = {line[4:] for line in lines[1:]}
    assert names >= {b"PIPELINING", b"8BITMIME", b"SIZE 100000", b"SMTPUTF8"}


def test_a_message_is_stored_as_it_was_sent(mailbox: Mailbox, client: Client) -> None:
    reply = client.send()
    entry = mailbox.store.page().entries[0]
    assert reply == b"250 2.0.0 Ok: queued as %d" % entry.id
    assert mailbox.sources() == [MESSAGE]
    assert (entry.mail_from, entry.rcpt_to) == ("news@example.org", ("alice@shop.example",))
    assert entry.subject == "Hello"


def test_the_standard_library_can_send(mailbox: Mailbox) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as smtp:
        refused = smtp.sendmail(
            "news@example.org", ["a@shop.example", "b@shop.example"], b".dot\r\n..two\r\n"
        )
    assert refused == {}
    assert mailbox.sources() == [b".dot\r\n..two\r\n"]
    assert mailbox.store.page().entries[0].rcpt_to == ("a@shop.example", "b@shop.example")


def test_a_whole_session_in_one_packet_is_answered_in_order(mailbox: Mailbox) -> None:
    with Client(mailbox.port, hello=False) as client:
        client.socket.sendall(
            b"EHLO x\r\n" + ENVELOPE + MESSAGE + b".\r\n" + ENVELOPE + b"Subject: 2\r\n\r\n.\r\n"
            b"NOOP\r\nRSET\r\nVRFY bob\r\nQUIT\r\n"
        )
        codes = client.codes(13)
        assert client.line() == b""
    assert codes == [250, 250, 250, 354, 250, 250, 250, 354, 250, 250, 250, 252, 221]
    assert mailbox.sources() == [MESSAGE, b"Subject: 2\r\n\r\n"]


def test_packets_may_be_split_anywhere(mailbox: Mailbox) -> None:
    talk = b"EHLO x\r\n" + ENVELOPE + b"A: 1\r\n\r\n..\r\n.x\r\n\r\n.\r\nQUIT\r\n"
    for at in range(1, len(talk)):
        with Client(mailbox.port, hello=False) as client:
            client.socket.sendall(talk[:at])
            time.sleep(0.001)
            client.socket.sendall(talk[at:])
            assert client.codes(6) == [250, 250, 250, 354, 250, 221], at
    assert set(mailbox.sources()) == {b"A: 1\r\n\r\n.\r\nx\r\n\r\n"}
    assert mailbox.store.totals().messages == len(talk) - 1


def test_a_message_may_come_byte_by_byte(mailbox: Mailbox, client: Client) -> None:
    for octet in ENVELOPE + MESSAGE + b".\r\n":
        client.socket.sendall(bytes([octet]))
    assert client.codes(4) == [250, 250, 354, 250]
    assert mailbox.sources() == [MESSAGE]


def test_an_empty_message_is_accepted(mailbox: Mailbox, client: Client) -> None:
    assert client.send(b"").startswith(b"250 ")
    assert mailbox.sources() == [b""]


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\n\x00.\r\n"]
)
def test_nothing_but_crlf_dot_crlf_ends_a_message(
    mailbox: Mailbox, client: Client, end: bytes
) -> None:
    smuggled = b"A: 1\r\n\r\nfirst" + end + ENVELOPE + b"smuggled\r\n"
    assert client.send(smuggled).startswith(b"250 ")
    assert client.code(b"NOOP\r\n") == 250  # the message got exactly one reply
    assert len(mailbox.sources()) == 1
    assert b"MAIL FROM" in mailbox.sources()[0]


def test_a_lone_line_feed_does_not_end_a_command(mailbox: Mailbox, client: Client) -> None:
    assert client.code(b"MAIL FROM:<a@example.org>\nRCPT TO:<b@example.org>\r\n") == 500
    assert client.code(b"RCPT TO:<b@example.org>\r\n") == 503


@pytest.mark.parametrize(
    ("talk", "codes"),
    [
        (b"RCPT TO:<a@example.org>\r\n", [503]),
        (b"DATA\r\n", [503]),
        (b"MAIL FROM:<>\r\nDATA\r\n", [250, 503]),
        (b"MAIL FROM:<>\r\nMAIL FROM:<>\r\n", [250, 503]),
        (b"MAIL FROM:<>\r\nRSET\r\nRCPT TO:<a@example.org>\r\n", [250, 250, 503]),
        (b"MAIL FROM:<>\r\nEHLO x\r\nRCPT TO:<a@example.org>\r\n", [250, 250, 503]),
        (b"MAIL FROM:<>\r\nRCPT TO:<>\r\n", [250, 501]),
        (b"MAIL FROM:a@example.org\r\n", [501]),
        (b"MAIL FROM:<a b@example.org>\r\n", [501]),
        (b"MAIL FROM:<a@example.org> SIZE=100001\r\n", [552]),
        (b"MAIL FROM:<a@example.org> SIZE=9 BODY=8BITMIME\r\n", [250]),
        (b"MAIL FROM:<a@example.org> FOO=1\r\n", [555]),
        (b"MAIL FROM:<>\r\nRCPT TO:<a@example.org> NOTIFY=NEVER\r\n", [250, 555]),
        ("MAIL FROM:<ä@example.org>\r\n".encode(), [550]),
        (b"MAIL FROM:<\xff@example.org> SMTPUTF8\r\n", [501]),
        (b'mail from:<"a b\\">"@example.org>\r\n', [250]),
        (b"EHLO\r\nHELO\r\nHELO x\r\n", [501, 501, 250]),
        (b"AUTH PLAIN AAAA\r\nSTARTTLS\r\nEXPN x\r\n", [502, 502, 502]),
        (b"NONSENSE\r\n\r\n", [500, 500]),
    ],
)
def test_invalid_commands_are_refused(client: Client, talk: bytes, codes: list[int]) -> None:
    client.socket.sendall(talk)
    assert client.codes(len(codes)) == codes


def test_mail_before_the_greeting_is_refused(mailbox: Mailbox) -> None:
    with Client(mailbox.port, hello=False) as client:
        assert client.code(b"MAIL FROM:<a@example.org>\r\n") == 503


def test_non_ascii_addresses_are_stored(mailbox: Mailbox, client: Client) -> None:
    talk = "MAIL FROM:<é@example.org> SMTPUTF8\r\nRCPT TO:<日本@example.org>\r\nDATA\r\n.\r\n"
    client.socket.sendall(talk.encode())
    assert client.codes(4) == [250, 250, 354, 250]
    assert mailbox.store.page().entries[0].rcpt_to == ("日本@example.org",)


def test_a_message_of_the_maximum_size_is_accepted_but_not_one_octet_more(
    mailbox: Mailbox, client: Client
) -> None:
    largest = b"x" * 99_998 + b"\r\n"
    assert client.send(largest).startswith(b"250 ")
    assert client.send(b"x" + largest).startswith(b"552 5.3.4 ")
    assert client.send(largest * 5).startswith(b"552 5.3.4 ")
    assert client.send().startswith(b"250 ")  # the session continues
    assert [len(source) for source in mailbox.sources()] == [100_000, len(MESSAGE)]


def test_a_line_that_is_too_long_is_ignored(mailbox: Mailbox, client: Client) -> None:
    assert client.code(b"NOOP " + b"x" * 3000 + b"\r\n") == 500
    assert client.code(b"NOOP " + b"x" * 300_000 + b"\r\n") == 500
    assert client.code(b"NOOP\r\n") == 250


def test_too_many_recipients_are_refused_temporarily(client: Client) -> None:
    client.socket.sendall(b"MAIL FROM:<>\r\n" + b"RCPT TO:<a@example.org>\r\n" * 1001)
    assert client.codes(1002) == [250] * 1001 + [452]


def test_a_client_that_makes_only_errors_is_disconnected(client: Client) -> None:
    client.socket.sendall(b"WHAT\r\n" * 50)
    assert client.codes(21) == [500] * 20 + [421]
    assert client.line() == b""


def test_a_browser_gets_no_second_line(mailbox: Mailbox) -> None:
    with Client(mailbox.port, hello=False) as client:
        client.socket.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n" + ENVELOPE)
        assert client.codes(1) == [421]
        assert client.line() == b""


def test_two_connections_are_independent(mailbox: Mailbox) -> None:
    with Client(mailbox.port) as one, Client(mailbox.port) as two:
        for client in (one, two):
            client.socket.sendall(ENVELOPE)
        assert one.codes(3) == two.codes(3) == [250, 250, 354]
        one.socket.sendall(b"one\r\n")
        two.socket.sendall(b"two\r\n.\r\n")
        assert two.codes(1) == [250]
        one.socket.sendall(b".\r\n")
        assert one.codes(1) == [250]
    assert mailbox.sources() == [b"two\r\n", b"one\r\n"]


def test_an_incomplete_message_is_not_stored(mailbox: Mailbox) -> None:
    with Client(mailbox.port) as client:
        client.socket.sendall(ENVELOPE + MESSAGE)
        assert client.codes(3) == [250, 250, 354]
    with Client(mailbox.port) as client:
        client.send(b"whole\r\n")
    assert mailbox.sources() == [b"whole\r\n"]


def test_concurrent_messages_are_all_stored_in_the_order_of_each_client(mailbox: Mailbox) -> None:
    clients = [Client(mailbox.port) for _ in range(8)]
    for number in range(40):
        for client in clients:
            client.socket.sendall(ENVELOPE + b"%d\r\n.\r\n" % number)
    ids = []
    for client in clients:
        replies = [client.reply() for _ in range(160)]
        own = [int(reply.rsplit(b" ", 1)[1]) for reply in replies[3::4]]
        assert own == sorted(own)
        ids += own
        client.socket.close()
    assert sorted(ids) == list(range(1, 321))


def test_a_silent_client_is_disconnected(tmp_path: Path) -> None:
    with (
        running_mailbox(tmp_path / "m.sqlite3", idle_seconds=0.2) as mailbox,
        Client(mailbox.port) as client,
    ):
        assert client.reply().startswith(b"421 4.4.2 ")
        assert client.line() == b""


class Stuck(asyncio.Transport):
    """A connection whose client reads nothing: what is written never leaves."""

    is_cut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it for ever."""

    def close(self) -> None:
        """Wait for the client to read."""

    def abort(self) -> None:
        self.is_cut = True


def test_a_silent_client_that_reads_no_replies_is_cut_off(tmp_path: Path) -> None:
    async def stuck(writer: Writer) -> list[bool]:
        transport, session = Stuck(), MailboxSession(MailServer(writer))
        session.connection_made(transport)
        seen = []
        for _ in range(2):
            session.end_silent()
            seen.append(transport.is_cut)
        return seen

    with contextlib.closing(Writer(tmp_path / "mailbox.sqlite3")) as writer:
        assert asyncio.run(stuck(writer)) == [False, True]


def test_connections_above_the_limit_are_refused(tmp_path: Path) -> None:
    with running_mailbox(tmp_path / "m.sqlite3", max_connections=2) as mailbox:
        with Client(mailbox.port), Client(mailbox.port):
            third = Client(mailbox.port, hello=False)
            assert third.greeting.startswith(b"421 4.3.2 ")
            third.socket.close()
        deadline = time.monotonic() + 5
        while not _is_accepted(mailbox.port):
            assert time.monotonic() < deadline


def _is_accepted(port: int) -> bool:
    client = Client(port, hello=False)
    client.socket.close()
    return client.greeting.startswith(b"220 ")


def test_a_full_disk_is_a_temporary_refusal(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite3"
    with running_mailbox(path) as mailbox, Client(mailbox.port) as client:
        mailbox.sql("PRAGMA max_page_count=20")
        assert client.send(b"x" * 50 + b"\r\n").startswith(b"250 ")
        noise = b"".join(b"%x\r\n" % (number**7) for number in range(20_000))
        assert client.send(noise).startswith(b"452 4.3.1 ")
        assert client.send(b"y\r\n").startswith(b"250 ")
    assert mailbox.store.totals().messages == 2


def test_a_closing_mailbox_accepts_a_message_in_progress(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite3"
    with running_mailbox(path) as mailbox:
        client, idle = Client(mailbox.port), Client(mailbox.port)
        client.socket.sendall(ENVELOPE)
        assert client.codes(3) == [250, 250, 354]
        late = threading.Timer(0.3, lambda: client.socket.sendall(MESSAGE + b".\r\n"))
        late.start()
    late.join()
    assert [client.reply()[:3], client.reply()[:3]] == [b"250", b"421"]
    assert idle.reply().startswith(b"421 ")
    assert mailbox.sources() == [MESSAGE]
    client.socket.close()
    idle.socket.close()
