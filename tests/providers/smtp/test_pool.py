"""The SMTP provider over real sockets: connections, threads, timeouts and faulty servers."""

import contextlib
import os
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest

from campaigns.messages import Message, SendResult
from campaigns.providers.base import ProviderTroubleError, send_one
from campaigns.providers.smtp import SmtpLogin, SmtpProvider, Timeouts
from campaigns.providers.smtp.feeder import MAX_FIRST
from campaigns.providers.smtp.loop import Loop, shared_loop, stop_shared_loop
from campaigns.providers.smtp.pool import MAX_UNANSWERED
from tests.english import in_english
from tests.smtp_server import CLOSE, SILENT, Script, Session, scripted_server, waiting_for

QUICK = Timeouts(
    connect=2, greeting=2, command=2, data=2, block=2, dot=2, idle=2, quit=0.3, first_pause=0.01
)
PIPELINING = ("SIZE 10000000", "8BITMIME", "PIPELINING")
PLAIN = ("SIZE 10000000", "8BITMIME")
BOTH = pytest.mark.parametrize("extensions", [PIPELINING, PLAIN], ids=["pipelining", "plain"])
OUTCOMES = ("sent", "deferred", "failed", "unknown", "unsent")
WAIT_SECONDS = 20


def a_message(
    number: int = 1, address: str = "", data: bytes = b"Subject: x\r\n\r\nhello\r\n"
) -> Message:
    return Message(number, "b+token@example.org", address or f"p{number}@example.org", data)


class RecordingSource:
    """A source of messages that records what happens to them."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self.waiting = list(messages)
        self.begun: list[int] = []
        self.results: list[SendResult] = []
        self.troubles: list[ProviderTroubleError] = []
        self.released: list[int] = []
        self.changed = threading.Condition()

    def take(self) -> Message | None:
        with self.changed:
            return self.waiting.pop(0) if self.waiting else None

    def next_at(self) -> float | None:
        return None

    def begin(self, message: Message) -> bool:
        self.begun.append(message.delivery_id)
        return True

    def release(self, message: Message) -> None:
        with self.changed:
            self.released.append(message.delivery_id)
            self.waiting.insert(0, message)

    def report(self, result: SendResult) -> None:
        with self.changed:
            self.results.append(result)
            self.changed.notify_all()

    def account_failed(self, error: ProviderTroubleError) -> None:
        with self.changed:
            self.troubles.append(error)
            self.changed.notify_all()

    def wait(self, count: int) -> None:
        """Wait until this many messages have an outcome, or there is trouble."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: len(self.results) >= count or self.troubles, WAIT_SECONDS
            ), f"{len(self.results)} of {count} have an outcome"

    @property
    def outcome_by_id(self) -> dict[int, str]:
        return {result.delivery_id: result.outcome for result in self.results}

    @property
    def outcomes(self) -> list[str]:
        """Outcomes in order of deliveries, each of which has exactly one."""
        assert len(self.outcome_by_id) == len(self.results)
        return [self.outcome_by_id[number] for number in sorted(self.outcome_by_id)]


def eventually(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def stop_loop_afterwards() -> Iterator[None]:
    yield
    stop_shared_loop()


@contextlib.contextmanager
def serving(
    port: int,
    source: RecordingSource,
    *,
    connections: int = 1,
    timeouts: Timeouts = QUICK,
    messages_per_connection: int = 0,
) -> Iterator[SmtpProvider]:
    provider = SmtpProvider(
        SmtpLogin("127.0.0.1", port, "none"),
        timeouts=timeouts,
        messages_per_connection=messages_per_connection,
    )
    provider.serve(source, connections)
    provider.wake()
    try:
        yield provider
    finally:
        provider.close()


def run(
    script: Script, source: RecordingSource, count: int, *, extensions: tuple[str, ...] = PIPELINING
) -> list[list[str]]:
    """Serve until this many have an outcome; return the commands of each connection."""
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, source):
            source.wait(count)
        return [session.commands for session in server.sessions]


def wake_until_done(provider: SmtpProvider, source: RecordingSource, count: int = 1) -> None:
    """Wake the provider after each trouble until this many messages have an outcome."""

    def is_done() -> bool:
        provider.wake()
        return len(source.results) >= count

    eventually(is_done)


def source_of(count: int) -> RecordingSource:
    return RecordingSource(a_message(number) for number in range(1, count + 1))


# --- sending -------------------------------------------------------------------------------------


@BOTH
def test_all_messages_are_sent_over_one_connection(extensions: tuple[str, ...]) -> None:
    source = source_of(5)
    with scripted_server(extensions=extensions) as server, serving(server.port, source):
        source.wait(5)
    assert source.outcomes == ["sent"] * 5
    assert source.begun == [1, 2, 3, 4, 5]
    assert server.recipients == [f"p{n}@example.org" for n in range(1, 6)]
    assert len(server.sessions) == 1
    assert source.results[0].reply == "250 2.0.0 Ok: queued as 4XyZ12abc"
    assert source.results[0].step == "dot"


@BOTH
def test_each_message_over_many_connections_arrives_exactly_once(
    extensions: tuple[str, ...],
) -> None:
    is_second = threading.Event()

    def script(line: str, session: Session) -> None:
        if session.number > 1:
            is_second.set()
        elif line == "<body>":
            is_second.wait(20)  # or one connection may be fast enough for all of them

    source = source_of(500)
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, source, connections=7, timeouts=replace(QUICK, dot=20)):
            source.wait(500)
    assert source.outcomes == ["sent"] * 500
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 501))
    assert 1 < len(server.sessions) <= 7


def test_a_connection_is_opened_only_when_all_others_are_busy() -> None:
    source = RecordingSource()
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, source, connections=5) as provider:
            for number in range(1, 6):
                source.waiting.append(a_message(number))
                provider.wake()
                source.wait(number)
    assert source.outcomes == ["sent"] * 5
    assert len(server.sessions) == 1


@pytest.mark.parametrize("body", [b".", b"..", b".x\r\n.\r\ny", b"a\r\n..\r\n.b", b"", b".\r"])
def test_f2_leading_dots_are_preserved(body: bytes) -> None:
    data = b"Subject: dots\r\n\r\n" + body + b"\r\n"
    with scripted_server(extensions=PIPELINING) as server:
        source = RecordingSource([a_message(1, data=data), a_message(2)])
        with serving(server.port, source):
            source.wait(2)
    assert server.received[0].data == data.replace(b"\r\r\n", b"\r\n\r\n")
    assert len(server.received) == 2


@pytest.mark.parametrize("end", [b"\n.\r\n", b"\r.\r", b"\n.\n", b"\r\n.\n", b"\r.\r\n"])
def test_f2_nothing_in_a_body_ends_it(end: bytes) -> None:
    data = b"Subject: x\r\n\r\none" + end + b"MAIL FROM:<evil@example.org>\r\ntwo\r\n"
    with scripted_server(extensions=PIPELINING) as server:
        source = RecordingSource([a_message(1, data=data)])
        with serving(server.port, source):
            source.wait(1)
    assert server.received[0].data.endswith(b"two\r\n")
    assert not any("evil" in command for command in server.sessions[0].commands)


def test_a_large_body_is_written_in_pieces() -> None:
    data = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 500_000

    def slow(line: str, session: Session) -> str | None:
        if line == "DATA":
            time.sleep(0.2)  # the socket fills up before it is read
        return None

    with scripted_server(slow, extensions=("PIPELINING",)) as server:
        source = RecordingSource(replace(a_message(n), data=data) for n in (1, 2))
        with serving(server.port, source):
            source.wait(2)
    assert [message.data == data for message in server.received] == [True, True]


def test_a_message_cap_renews_the_connection() -> None:
    source = source_of(7)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, source, messages_per_connection=3):
            source.wait(7)
    assert source.outcomes == ["sent"] * 7
    assert [session.messages for session in server.sessions] == [3, 3, 1]
    assert all("QUIT" in session.commands for session in server.sessions[:2])
    assert source.released == []


def test_an_idle_connection_quits_and_the_next_message_opens_another() -> None:
    source = source_of(1)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, source, timeouts=replace(QUICK, idle=0.1)) as provider:
            source.wait(1)
            eventually(lambda: "QUIT" in server.sessions[0].commands)
            source.waiting.append(a_message(2))
            provider.wake()
            source.wait(2)
    assert source.outcomes == ["sent"] * 2
    assert len(server.sessions) == 2


def test_a_connection_closed_by_the_server_uses_up_no_attempt() -> None:
    def script(line: str, session: Session) -> str | None:
        return "250 ok\r\n421 4.4.2 idle too long" if line == "<body>" else None

    source = source_of(1)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, source) as provider:
            source.wait(1)
            source.waiting.append(a_message(2))
            provider.wake()
            source.wait(2)
    assert source.outcomes == ["sent"] * 2
    assert source.troubles == []
    assert len(server.sessions) == 2


# --- faulty servers -----------------------------------------------------------------------------


@BOTH
def test_s5_a_421_after_three_messages_loses_nobody(extensions: tuple[str, ...]) -> None:
    def script(line: str, session: Session) -> str | None:
        return "421 4.7.0 enough" if line.startswith("MAIL") and session.messages == 3 else None

    source = source_of(7)
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, source):
            source.wait(7)
    assert source.outcomes == ["sent"] * 7
    assert server.recipients == [f"p{n}@example.org" for n in range(1, 8)]
    assert len(server.sessions) == 3
    assert source.released == [4, 7]


@BOTH
def test_a_server_that_always_answers_421_is_trouble(
    extensions: tuple[str, ...],
) -> None:
    source = source_of(1)
    script: Script = lambda line, _: "421 no" if line.startswith("MAIL") else None  # noqa: E731
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, source) as provider:
            source.wait(1)
            assert source.results == [], "trouble of the account uses up no attempt"
            assert source.released == [1, 1, 1]
            wake_until_done(provider, source)
    (result,) = source.results
    assert (result.outcome, result.scope, result.step) == ("unsent", "connection", "mail")
    assert (result.code, result.reply) == (421, "421 no")
    assert len(server.sessions) == MAX_FIRST
    assert not source.troubles[0].permanent
    assert "accepts connections but no messages: 421 no" in in_english(source.troubles[0])


@BOTH
def test_a_server_that_hangs_up_at_one_recipient_delays_nobody_else(
    extensions: tuple[str, ...],
) -> None:
    source = source_of(6)
    run(
        lambda line, _: CLOSE if line.startswith("RCPT TO:<p3@") else None,
        source,
        6,
        extensions=extensions,
    )
    assert source.outcomes == ["sent", "sent", "unsent", "sent", "sent", "sent"]
    assert source.troubles == []


@BOTH
@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA"])
def test_a_connection_that_breaks_before_the_body_leaves_the_message_unsent(
    extensions: tuple[str, ...], where: str
) -> None:
    source = source_of(1)
    script: Script = lambda line, _: CLOSE if line.startswith(where) else None  # noqa: E731
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, source) as provider:
            wake_until_done(provider, source)
    assert source.outcomes == ["unsent"]
    assert source.begun == []


@BOTH
def test_s8_a_connection_lost_after_the_body_is_unknown_and_not_retried(
    extensions: tuple[str, ...],
) -> None:
    def script(line: str, session: Session) -> str | None:
        return CLOSE if line == "<body>" and session.number == 1 else None

    source = source_of(3)
    run(script, source, 3, extensions=extensions)
    assert source.outcomes == ["unknown", "sent", "sent"]
    assert source.begun == [1, 2, 3]


def test_a_server_that_never_answers_gets_three_messages_at_most() -> None:
    source = source_of(8)
    with scripted_server(
        lambda line, _: CLOSE if line == "<body>" else None, extensions=PIPELINING
    ) as server:
        with serving(server.port, source) as provider:
            eventually(lambda: source.troubles)
            (trouble,) = source.troubles
            assert trouble.permanent
            assert "answered none of them" in in_english(trouble)
            assert list(source.outcome_by_id.values()) == ["unknown"] * MAX_UNANSWERED
            assert len(server.sessions) == MAX_UNANSWERED
            eventually(provider.is_idle)
            assert len(source.waiting) == 5


def test_connections_that_break_together_count_once() -> None:
    """A restart of the server must not pause the account, however many connections it breaks."""
    answers = threading.Event()
    bodies: list[int] = []

    def script(line: str, session: Session) -> str | None:
        if line == "<body>" and session.number <= 4:
            bodies.append(session.number)
            answers.wait(WAIT_SECONDS)
            return CLOSE
        return None

    source = source_of(20)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, source, connections=4, timeouts=replace(QUICK, dot=20)):
            eventually(lambda: len(bodies) == 4)
            answers.set()
            source.wait(20)
    assert sorted(source.outcomes) == ["sent"] * 16 + ["unknown"] * 4
    assert source.troubles == []


@BOTH
@pytest.mark.parametrize(
    ("where", "outcome"),
    [("MAIL", "unsent"), ("RCPT", "unsent"), ("DATA", "unsent"), ("<body>", "unknown")],
)
def test_s9_silence_times_out(extensions: tuple[str, ...], where: str, outcome: str) -> None:
    source = source_of(1)
    short = replace(QUICK, command=0.1, data=0.1, dot=0.1)
    with scripted_server(
        lambda line, _: SILENT if line.startswith(where) else None, extensions=extensions
    ) as server:
        with serving(server.port, source, timeouts=short) as provider:
            wake_until_done(provider, source)
    assert source.outcomes == [outcome]
    assert "no answer for 0.1 seconds" in source.results[0].reply


def test_s9_a_slow_reply_to_the_body_is_waited_for() -> None:
    def slow(line: str, session: Session) -> str | None:
        if line == "<body>":
            time.sleep(0.6)
        return None

    source = source_of(2)
    with scripted_server(slow, extensions=PIPELINING) as server:
        with serving(server.port, source, timeouts=replace(QUICK, command=0.2, data=0.2)):
            source.wait(2)
    assert source.outcomes == ["sent", "sent"]


def test_a_server_that_stops_reading_a_body_times_out() -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"220 hi\r\n")
                for _ in range(4):
                    line = sock.recv(1000)
                    sock.sendall(b"354 go\r\n" if line == b"DATA\r\n" else b"250 ok\r\n")
                done.wait(WAIT_SECONDS)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        source = RecordingSource([replace(a_message(), data=b"x\r\n" * 5_000_000)])
        with serving(listener.getsockname()[1], source, timeouts=replace(QUICK, block=0.3)):
            source.wait(1)
        done.set()
        thread.join()
    assert source.outcomes == ["unknown"]


def test_unexpected_replies_end_a_connection_and_fail_no_message() -> None:
    def script(line: str, session: Session) -> str | None:
        stray = line.startswith("MAIL") and session.number == 1
        return "250 ok\r\n250 stray\r\n250 stray\r\n250 stray" if stray else None

    source = source_of(3)
    run(script, source, 3, extensions=PLAIN)
    assert source.outcomes == ["sent"] * 3


def test_greylisted_recipients_do_not_delay_the_others() -> None:
    def script(line: str, session: Session) -> str | None:
        number = line.partition("<p")[2].partition("@")[0]
        return "451 4.7.1 greylisted" if line.startswith("RCPT") and int(number) % 2 else None

    source = source_of(40)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, source, connections=3):
            source.wait(40)
    assert source.outcomes == ["deferred", "sent"] * 20
    assert len(server.received) == 20
    assert sorted(source.begun) == list(range(2, 41, 2))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_server_does_each_message_has_one_outcome(seed: int) -> None:
    """The server randomly refuses, throttles, hangs up, and sends unexpected replies."""
    chance = random.Random(seed)  # noqa: S311
    faults = ("550 5.1.1 no", "451 later", "421 enough", CLOSE, "250 ok\r\n250 stray", "garbage")

    def script(line: str, session: Session) -> str | None:
        verb = line.split(" ")[0]
        if verb in ("MAIL", "RCPT", "DATA", "<body>", "RSET") and chance.random() < 0.04:
            return chance.choice(faults)
        return None

    source = source_of(150)
    with scripted_server(script, extensions=PIPELINING if seed % 2 else PLAIN) as server:
        with serving(server.port, source, connections=4) as provider:
            until = time.monotonic() + WAIT_SECONDS
            while len(source.results) < 150 and time.monotonic() < until:
                provider.wake()  # also ends trouble
                time.sleep(0.01)
            eventually(provider.is_idle)
    assert sorted(source.outcome_by_id) == list(range(1, 151))
    arrived = [int(name[1:].partition("@")[0]) for name in server.recipients]
    assert len(arrived) == len(set(arrived)), "nobody gets it twice"
    of = {
        fate: {n for n, found in source.outcome_by_id.items() if found == fate} for fate in OUTCOMES
    }
    assert set(arrived) <= of["sent"] | of["unknown"], (
        "a message that arrived must count as sent or unknown"
    )
    assert of["sent"] <= set(source.begun)
    assert len(source.begun) == len(set(source.begun)), "no body is started twice"


# --- the account --------------------------------------------------------------------------------


def trouble_of(login: SmtpLogin, timeouts: Timeouts = QUICK) -> ProviderTroubleError:
    source = source_of(1)
    provider = SmtpProvider(login, timeouts=timeouts)
    provider.serve(source, 3)
    source.wait(1)
    provider.close()
    assert (source.results, source.begun, len(source.waiting)) == ([], [], 1)
    return source.troubles[0]


def test_a_silent_server_is_trouble_with_an_explanation() -> None:
    with scripted_server(lambda line, _: SILENT) as server:
        login = SmtpLogin("127.0.0.1", server.port, "none")
        trouble = trouble_of(login, replace(QUICK, greeting=0.2))
    assert "did not answer" in in_english(trouble)
    assert not trouble.permanent


def test_a_closed_port_is_trouble_and_is_tried_again() -> None:
    with scripted_server() as server:
        port = server.port
    source = source_of(1)
    with serving(port, source) as provider:
        source.wait(1)
        assert "refused the connection" in in_english(source.troubles[0])
        assert not source.troubles[0].permanent
        source.troubles.clear()
        provider.wake()
        eventually(lambda: source.troubles)


def test_an_unknown_host_is_permanent_trouble() -> None:
    trouble = trouble_of(SmtpLogin("no-such-host.invalid", 25, "none"))
    assert "No server named" in in_english(trouble)
    assert trouble.permanent


def test_a_refused_connection_is_no_trouble_while_others_work() -> None:
    """A server may allow fewer connections than the account."""

    def script(line: str, session: Session) -> str | None:
        if line == "<connect>" and session.number > 2:
            return "421 4.7.0 too many connections"
        if line == "<body>":
            time.sleep(0.005)
        return None

    source = source_of(200)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, source, connections=10):
            source.wait(200)
    assert source.outcomes == ["sent"] * 200
    assert source.troubles == []
    assert len(server.sessions) < 20, "the server was not flooded with connections"


def test_a_message_that_the_source_withdraws_is_not_sent() -> None:
    class Refusing(RecordingSource):
        def next_at(self) -> float | None:
            return None

        def begin(self, message: Message) -> bool:
            return message.delivery_id != 2 and super().begin(message)

        def release(self, message: Message) -> None:
            self.released.append(message.delivery_id)
            if message.delivery_id != 2:
                self.waiting.insert(0, message)

    source = Refusing(a_message(n) for n in (1, 2, 3))
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, source):
            source.wait(2)
    assert source.outcome_by_id == {1: "sent", 3: "sent"}
    assert server.recipients == ["p1@example.org", "p3@example.org"]
    assert 2 in source.released
    assert source.troubles == []


def test_an_error_of_the_journal_stops_the_message_and_is_reported() -> None:
    class FullDisk(RecordingSource):
        def next_at(self) -> float | None:
            return None

        def begin(self, message: Message) -> bool:
            raise OSError("no space left")

    source = FullDisk([a_message(1)])
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, source) as provider:
            source.wait(1)
            eventually(provider.is_idle)
    assert "no space left" in in_english(source.troubles[0])
    assert (server.received, source.released) == ([], [1])


def test_closing_waits_for_replies_and_releases_the_rest() -> None:
    def slow(line: str, session: Session) -> str | None:
        if line == "<body>":
            time.sleep(0.3)
        return None

    source = source_of(5)
    with scripted_server(slow, extensions=PIPELINING) as server:
        with serving(server.port, source) as provider:
            eventually(lambda: source.begun)
            provider.close(wait_seconds=5)
            assert provider.is_idle()
            assert source.outcomes == ["sent"]
            assert sorted(message.delivery_id for message in source.waiting) == [2, 3, 4, 5]
            provider.close()


def test_closing_immediately_makes_a_message_whose_body_left_unknown() -> None:
    source = source_of(3)
    with scripted_server(
        lambda line, _: SILENT if line == "<body>" else None, extensions=PIPELINING
    ) as server:
        with serving(server.port, source) as provider:
            eventually(lambda: source.begun)
            provider.close()
            assert source.outcome_by_id == {1: "unknown"}
            assert provider.is_idle()
            assert len(source.waiting) == 2


# --- single messages -----------------------------------------------------------------------------


def plain(port: int) -> SmtpProvider:
    return SmtpProvider(SmtpLogin("127.0.0.1", port, "none"), timeouts=QUICK)


def test_a_single_message_is_journalled_in_the_callers_thread() -> None:
    threads: list[threading.Thread] = []
    with scripted_server() as server:
        provider = plain(server.port)
        for number in (1, 2):
            result = send_one(
                provider,
                a_message(number),
                before_body=lambda _: threads.append(threading.current_thread()),
            )
            assert result.outcome == "sent"
        provider.close()
    assert threads == [threading.current_thread()] * 2
    assert len(server.sessions) == 1


def test_an_exception_before_the_body_stops_the_message() -> None:
    def full_disk(message: Message) -> None:
        raise OSError("no space left")

    with scripted_server() as server:
        provider = plain(server.port)
        with pytest.raises(OSError, match="no space left"):
            send_one(provider, a_message(1), before_body=full_disk)
        assert server.received == []
        assert send_one(provider, a_message(2), before_body=lambda _: None).outcome == "sent"
        provider.close()
    assert server.recipients == ["p2@example.org"]


def test_a_timeout_before_and_after_the_body() -> None:
    with scripted_server(lambda line, _: SILENT if line.startswith("RCPT") else None) as server:
        with pytest.raises(ProviderTroubleError, match=r"connection\.took_too_long"):
            send_one(plain(server.port), a_message(), before_body=lambda _: None, timeout=0.3)
    with scripted_server(lambda line, _: SILENT if line == "<body>" else None) as server:
        # Long enough to reach the body.
        result = send_one(plain(server.port), a_message(), before_body=lambda _: None, timeout=2)
    assert result.outcome == "unknown"


def test_trouble_is_raised() -> None:
    with scripted_server() as server:
        port = server.port
    with pytest.raises(ProviderTroubleError, match=r"connection\.refused"):
        send_one(plain(port), a_message(), before_body=lambda _: None)


# --- encrypted ----------------------------------------------------------------------------------


def test_s1_many_messages_over_tls(server_tls: ssl.SSLContext, trusted: None) -> None:
    body = b"Subject: x\r\n\r\n" + b"0123456789" * 10_000 + b"\r\n"
    source = RecordingSource(replace(a_message(n), data=body) for n in range(1, 101))
    with scripted_server(tls=server_tls, implicit_tls=True, extensions=PIPELINING) as server:
        login = SmtpLogin("localhost", server.port, "tls")
        provider = SmtpProvider(login, timeouts=QUICK)
        provider.serve(source, 3)
        source.wait(100)
        provider.close()
    assert source.outcomes == ["sent"] * 100
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 101))
    assert all(message.data == body for message in server.received)


# --- the thread -----------------------------------------------------------------------------------


def test_all_accounts_share_a_thread_and_a_child_process_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = source_of(5), source_of(5)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, first), serving(server.port, second):
            first.wait(5)
            second.wait(5)
            names = [thread.name for thread in threading.enumerate()]
    assert names.count("smtp") == 1
    loop = shared_loop()
    assert shared_loop() is loop
    monkeypatch.setattr(os, "getpid", lambda: -1)
    other = shared_loop()
    assert other is not loop
    stop_shared_loop()
    monkeypatch.undo()
    loop.stop()
    assert not loop.is_alive
    assert not other.is_alive


def test_an_account_continues_in_another_thread_when_its_own_is_gone() -> None:
    """As after a fork: the parent's connections are neither touched nor waited for."""
    source = source_of(2)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, source) as provider:
            source.wait(2)
            stop_shared_loop()
            provider.wake()
            source.waiting.append(a_message(3))
            provider.serve(source, 1)
            source.wait(3)
    assert source.outcomes == ["sent"] * 3
    assert len(server.sessions) == 2


def test_a_separate_account_has_a_thread_that_ends_with_it() -> None:
    before = set(threading.enumerate())  # the shared thread may still run from other tests
    with scripted_server() as server:
        provider = SmtpProvider(
            SmtpLogin("127.0.0.1", server.port, "none"), timeouts=QUICK, apart=True
        )
        for number in (1, 2):
            message = a_message(number)
            assert send_one(provider, message, before_body=lambda _: None).outcome == "sent"
            provider.close()
            provider.close()
    new = set(threading.enumerate()) - before
    assert "smtp" not in [thread.name for thread in new]
    assert len(server.received) == 2


def test_a_failing_source_does_not_affect_others() -> None:
    class Failing(RecordingSource):
        def report(self, result: SendResult) -> None:
            super().report(result)
            raise RuntimeError("the disk is gone")

    failing, other = Failing(a_message(n) for n in (1, 2, 3)), source_of(30)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, failing) as provider, serving(server.port, other):
            failing.wait(3)
            other.wait(30)
            eventually(provider.is_idle)
    assert failing.outcomes == ["sent"] * 3
    assert other.outcomes == ["sent"] * 30


def test_an_error_while_taking_a_message_is_trouble() -> None:
    class Broken(RecordingSource):
        def take(self) -> Message | None:
            raise RuntimeError("no such filter")

    source = Broken()
    with scripted_server() as server, serving(server.port, source) as provider:
        eventually(lambda: source.troubles)
        eventually(provider.is_idle)
    assert "no such filter" in in_english(source.troubles[0])


def test_the_loop_survives_errors_in_callbacks() -> None:
    class Broken:
        def tick(self, now: float) -> bool:
            raise RuntimeError("again")

    def broken() -> None:
        raise RuntimeError("once")

    loop = Loop()
    called = threading.Event()
    loop.soon(lambda: loop.watch(Broken()))
    loop.soon(broken)
    loop.soon(called.set)
    assert called.wait(WAIT_SECONDS)
    time.sleep(0.3)
    assert loop.is_alive
    loop.stop()
    assert not loop.is_alive


# --- a share of connections that becomes smaller ------------------------------------------------


@BOTH
def test_connections_above_a_lowered_share_are_closed_after_their_message(
    extensions: tuple[str, ...],
) -> None:
    answers = threading.Event()

    source = source_of(12)
    with scripted_server(waiting_for(answers), extensions=extensions) as server:
        with serving(server.port, source, connections=4) as provider:
            eventually(lambda: len(source.begun) == 4)
            provider.serve(source, 2)
            answers.set()
            source.wait(12)
            eventually(lambda: provider.open_connections == 2)
            provider.serve(source, 0)
            eventually(lambda: provider.open_connections == 0)
    assert source.outcomes == ["sent"] * 12
    assert len(server.sessions) == 4


def test_a_connection_opened_while_the_share_is_lowered_is_closed() -> None:
    accept_connections = threading.Event()

    source = source_of(3)
    with scripted_server(
        waiting_for(accept_connections, "<connect>"), extensions=PIPELINING
    ) as server:
        with serving(server.port, source, connections=1) as provider:
            eventually(lambda: server.sessions)
            assert provider.open_connections == 1, "a connection that is being opened counts"
            provider.serve(source, 0)
            accept_connections.set()
            eventually(lambda: provider.open_connections == 0)
    assert source.results == []
    assert sorted(message.delivery_id for message in source.waiting) == [1, 2, 3]
