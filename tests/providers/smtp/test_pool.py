"""The SMTP provider over real sockets: connections, threads, time, and servers with moods."""

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
from campaigns.providers.smtp.feeder import MOST_FIRST
from campaigns.providers.smtp.loop import Loop, shared_loop, stop_shared_loop
from campaigns.providers.smtp.pool import MOST_UNANSWERED
from tests.english import in_english
from tests.smtp_server import CLOSE, SILENT, Script, Session, scripted_server

QUICK = Timeouts(
    connect=2, greeting=2, command=2, data=2, block=2, dot=2, idle=2, quit=0.3, first_pause=0.01
)
PIPELINING = ("SIZE 10000000", "8BITMIME", "PIPELINING")
PLAIN = ("SIZE 10000000", "8BITMIME")
BOTH = pytest.mark.parametrize("extensions", [PIPELINING, PLAIN], ids=["pipelining", "plain"])
FATES = ("sent", "deferred", "failed", "unknown", "unsent")
WAIT_SECONDS = 20


def a_message(
    number: int = 1, address: str = "", data: bytes = b"Subject: x\r\n\r\nhello\r\n"
) -> Message:
    return Message(number, "b+token@example.org", address or f"p{number}@example.org", data)


class Pile:
    """A source with a pile of messages; notes whatever happens to them."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self.waiting = list(messages)
        self.begun: list[int] = []
        self.results: list[SendResult] = []
        self.troubles: list[ProviderTroubleError] = []
        self.put_backs: list[int] = []
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
            self.put_backs.append(message.delivery_id)
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
        """Until so many have a fate, or there is trouble."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: len(self.results) >= count or self.troubles, WAIT_SECONDS
            ), f"{len(self.results)} of {count} have a fate"

    @property
    def fates(self) -> dict[int, str]:
        return {result.delivery_id: result.outcome for result in self.results}

    @property
    def outcomes(self) -> list[str]:
        """By delivery, in order; each has exactly one."""
        assert len(self.fates) == len(self.results)
        return [self.fates[number] for number in sorted(self.fates)]


def eventually(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    yield
    stop_shared_loop()


@contextlib.contextmanager
def serving(
    port: int,
    pile: Pile,
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
    provider.serve(pile, connections)
    provider.wake()
    try:
        yield provider
    finally:
        provider.close()


def run(
    script: Script, pile: Pile, count: int, *, extensions: tuple[str, ...] = PIPELINING
) -> list[list[str]]:
    """Serve until so many have a fate; gives the commands of each connection."""
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, pile):
            pile.wait(count)
        return [session.commands for session in server.sessions]


def insist(provider: SmtpProvider, pile: Pile, count: int = 1) -> None:
    """Go on through troubles of the account until so many have a fate."""

    def has_fates() -> bool:
        provider.wake()
        return len(pile.results) >= count

    eventually(has_fates)


def pile_of(count: int) -> Pile:
    return Pile(a_message(number) for number in range(1, count + 1))


# --- the usual ----------------------------------------------------------------------------------


@BOTH
def test_every_message_is_handed_over_on_one_connection(extensions: tuple[str, ...]) -> None:
    pile = pile_of(5)
    with scripted_server(extensions=extensions) as server, serving(server.port, pile):
        pile.wait(5)
    assert pile.outcomes == ["sent"] * 5
    assert pile.begun == [1, 2, 3, 4, 5]
    assert server.recipients == [f"p{n}@example.org" for n in range(1, 6)]
    assert len(server.sessions) == 1
    assert pile.results[0].reply == "250 2.0.0 Ok: queued as 4XyZ12abc"
    assert pile.results[0].step == "dot"


@BOTH
def test_many_messages_over_many_connections_arrive_exactly_once_each(
    extensions: tuple[str, ...],
) -> None:
    pile = pile_of(500)
    with scripted_server(extensions=extensions) as server:
        with serving(server.port, pile, connections=7):
            pile.wait(500)
    assert pile.outcomes == ["sent"] * 500
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 501))
    assert 1 < len(server.sessions) <= 7


def test_a_connection_is_opened_only_when_all_others_are_busy() -> None:
    pile = Pile()
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, pile, connections=5) as provider:
            for number in range(1, 6):
                pile.waiting.append(a_message(number))
                provider.wake()
                pile.wait(number)
    assert pile.outcomes == ["sent"] * 5
    assert len(server.sessions) == 1


@pytest.mark.parametrize("body", [b".", b"..", b".x\r\n.\r\ny", b"a\r\n..\r\n.b", b"", b".\r"])
def test_f2_leading_dots_survive_the_way(body: bytes) -> None:
    data = b"Subject: dots\r\n\r\n" + body + b"\r\n"
    with scripted_server(extensions=PIPELINING) as server:
        pile = Pile([a_message(1, data=data), a_message(2)])
        with serving(server.port, pile):
            pile.wait(2)
    assert server.received[0].data == data.replace(b"\r\r\n", b"\r\n\r\n")
    assert len(server.received) == 2


@pytest.mark.parametrize("end", [b"\n.\r\n", b"\r.\r", b"\n.\n", b"\r\n.\n", b"\r.\r\n"])
def test_f2_nothing_in_a_body_ends_it(end: bytes) -> None:
    data = b"Subject: x\r\n\r\none" + end + b"MAIL FROM:<evil@example.org>\r\ntwo\r\n"
    with scripted_server(extensions=PIPELINING) as server:
        pile = Pile([a_message(1, data=data)])
        with serving(server.port, pile):
            pile.wait(1)
    assert server.received[0].data.endswith(b"two\r\n")
    assert not any("evil" in command for command in server.sessions[0].commands)


def test_a_large_body_is_written_in_pieces() -> None:
    data = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 500_000

    def slow(line: str, session: Session) -> str | None:
        if line == "DATA":
            time.sleep(0.2)  # the socket fills up before it is read
        return None

    with scripted_server(slow, extensions=("PIPELINING",)) as server:
        pile = Pile(replace(a_message(n), data=data) for n in (1, 2))
        with serving(server.port, pile):
            pile.wait(2)
    assert [message.data == data for message in server.received] == [True, True]


def test_a_message_cap_renews_the_connection() -> None:
    pile = pile_of(7)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, pile, messages_per_connection=3):
            pile.wait(7)
    assert pile.outcomes == ["sent"] * 7
    assert [session.messages for session in server.sessions] == [3, 3, 1]
    assert all("QUIT" in session.commands for session in server.sessions[:2])
    assert pile.put_backs == []


def test_an_idle_connection_says_goodbye_and_the_next_message_opens_another() -> None:
    pile = pile_of(1)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, pile, timeouts=replace(QUICK, idle=0.1)) as provider:
            pile.wait(1)
            eventually(lambda: "QUIT" in server.sessions[0].commands)
            pile.waiting.append(a_message(2))
            provider.wake()
            pile.wait(2)
    assert pile.outcomes == ["sent"] * 2
    assert len(server.sessions) == 2


def test_a_connection_that_the_server_closed_meanwhile_costs_nobody_anything() -> None:
    def script(line: str, session: Session) -> str | None:
        return "250 ok\r\n421 4.4.2 idle too long" if line == "<body>" else None

    pile = pile_of(1)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, pile) as provider:
            pile.wait(1)
            pile.waiting.append(a_message(2))
            provider.wake()
            pile.wait(2)
    assert pile.outcomes == ["sent"] * 2
    assert pile.troubles == []
    assert len(server.sessions) == 2


# --- servers with moods -------------------------------------------------------------------------


@BOTH
def test_s5_a_421_after_three_messages_loses_nobody(extensions: tuple[str, ...]) -> None:
    def script(line: str, session: Session) -> str | None:
        return "421 4.7.0 enough" if line.startswith("MAIL") and session.messages == 3 else None

    pile = pile_of(7)
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, pile):
            pile.wait(7)
    assert pile.outcomes == ["sent"] * 7
    assert server.recipients == [f"p{n}@example.org" for n in range(1, 8)]
    assert len(server.sessions) == 3
    assert pile.put_backs == [4, 7]


@BOTH
def test_a_server_that_always_says_421_ends_in_unsent_and_trouble(
    extensions: tuple[str, ...],
) -> None:
    pile = pile_of(1)
    script: Script = lambda line, _: "421 no" if line.startswith("MAIL") else None  # noqa: E731
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, pile) as provider:
            pile.wait(1)
            assert pile.results == [], "an account in trouble costs no recipient a try"
            assert pile.put_backs == [1, 1, 1]
            insist(provider, pile)
    (result,) = pile.results
    assert (result.outcome, result.scope, result.step) == ("unsent", "connection", "mail")
    assert (result.code, result.reply) == (421, "421 no")
    assert len(server.sessions) == MOST_FIRST
    assert not pile.troubles[0].permanent
    assert "accepts connections but no messages: 421 no" in in_english(pile.troubles[0])


@BOTH
def test_a_server_that_hangs_up_at_one_recipient_each_time_keeps_nobody_else(
    extensions: tuple[str, ...],
) -> None:
    pile = pile_of(6)
    run(
        lambda line, _: CLOSE if line.startswith("RCPT TO:<p3@") else None,
        pile,
        6,
        extensions=extensions,
    )
    assert pile.outcomes == ["sent", "sent", "unsent", "sent", "sent", "sent"]
    assert pile.troubles == []


@BOTH
@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA"])
def test_a_connection_that_breaks_before_the_body_leaves_the_message_unsent(
    extensions: tuple[str, ...], where: str
) -> None:
    pile = pile_of(1)
    script: Script = lambda line, _: CLOSE if line.startswith(where) else None  # noqa: E731
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, pile) as provider:
            insist(provider, pile)
    assert pile.outcomes == ["unsent"]
    assert pile.begun == []


@BOTH
def test_s8_a_connection_that_breaks_after_the_body_is_unknown_and_is_not_tried_again(
    extensions: tuple[str, ...],
) -> None:
    def script(line: str, session: Session) -> str | None:
        return CLOSE if line == "<body>" and session.number == 1 else None

    pile = pile_of(3)
    run(script, pile, 3, extensions=extensions)
    assert pile.outcomes == ["unknown", "sent", "sent"]
    assert pile.begun == [1, 2, 3]


def test_a_server_that_never_answers_a_message_gets_three_and_no_more() -> None:
    pile = pile_of(8)
    with scripted_server(
        lambda line, _: CLOSE if line == "<body>" else None, extensions=PIPELINING
    ) as server:
        with serving(server.port, pile) as provider:
            eventually(lambda: pile.troubles)
            (trouble,) = pile.troubles
            assert trouble.permanent
            assert "answered none of them" in in_english(trouble)
            assert list(pile.fates.values()) == ["unknown"] * MOST_UNANSWERED
            assert len(server.sessions) == MOST_UNANSWERED
            eventually(provider.is_idle)
            assert len(pile.waiting) == 5


def test_connections_that_break_side_by_side_count_once() -> None:
    """A restart of the server is no reason to pause, however many connections it cuts."""
    answers = threading.Event()
    bodies: list[int] = []

    def script(line: str, session: Session) -> str | None:
        if line == "<body>" and session.number <= 4:
            bodies.append(session.number)
            answers.wait(WAIT_SECONDS)
            return CLOSE
        return None

    pile = pile_of(20)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, pile, connections=4, timeouts=replace(QUICK, dot=20)):
            eventually(lambda: len(bodies) == 4)
            answers.set()
            pile.wait(20)
    assert sorted(pile.outcomes) == ["sent"] * 16 + ["unknown"] * 4
    assert pile.troubles == []


@BOTH
@pytest.mark.parametrize(
    ("where", "outcome"),
    [("MAIL", "unsent"), ("RCPT", "unsent"), ("DATA", "unsent"), ("<body>", "unknown")],
)
def test_s9_silence_ends(extensions: tuple[str, ...], where: str, outcome: str) -> None:
    pile = pile_of(1)
    short = replace(QUICK, command=0.1, data=0.1, dot=0.1)
    with scripted_server(
        lambda line, _: SILENT if line.startswith(where) else None, extensions=extensions
    ) as server:
        with serving(server.port, pile, timeouts=short) as provider:
            insist(provider, pile)
    assert pile.outcomes == [outcome]
    assert "no answer for 0.1 seconds" in pile.results[0].reply


def test_s9_a_server_that_takes_its_time_over_the_dot_is_waited_for() -> None:
    def slow(line: str, session: Session) -> str | None:
        if line == "<body>":
            time.sleep(0.6)
        return None

    pile = pile_of(2)
    with scripted_server(slow, extensions=PIPELINING) as server:
        with serving(server.port, pile, timeouts=replace(QUICK, command=0.2, data=0.2)):
            pile.wait(2)
    assert pile.outcomes == ["sent", "sent"]


def test_a_server_that_takes_no_more_of_a_body_is_given_up() -> None:
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
        pile = Pile([replace(a_message(), data=b"x\r\n" * 5_000_000)])
        with serving(listener.getsockname()[1], pile, timeouts=replace(QUICK, block=0.3)):
            pile.wait(1)
        done.set()
        thread.join()
    assert pile.outcomes == ["unknown"]


def test_replies_without_a_question_end_a_connection_and_blame_nobody() -> None:
    def script(line: str, session: Session) -> str | None:
        stray = line.startswith("MAIL") and session.number == 1
        return "250 ok\r\n250 stray\r\n250 stray\r\n250 stray" if stray else None

    pile = pile_of(3)
    run(script, pile, 3, extensions=PLAIN)
    assert pile.outcomes == ["sent"] * 3


def test_the_greylisted_do_not_hold_up_the_others() -> None:
    def script(line: str, session: Session) -> str | None:
        number = line.partition("<p")[2].partition("@")[0]
        return "451 4.7.1 greylisted" if line.startswith("RCPT") and int(number) % 2 else None

    pile = pile_of(40)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, pile, connections=3):
            pile.wait(40)
    assert pile.outcomes == ["deferred", "sent"] * 20
    assert len(server.received) == 20
    assert sorted(pile.begun) == list(range(2, 41, 2))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_server_does_each_message_has_one_fate(seed: int) -> None:
    """A server that at random refuses, throttles, hangs up, and speaks out of turn."""
    dice = random.Random(seed)  # noqa: S311
    moods = ("550 5.1.1 no", "451 later", "421 enough", CLOSE, "250 ok\r\n250 stray", "garbage")

    def script(line: str, session: Session) -> str | None:
        verb = line.split(" ")[0]
        if verb in ("MAIL", "RCPT", "DATA", "<body>", "RSET") and dice.random() < 0.04:
            return dice.choice(moods)
        return None

    pile = pile_of(150)
    with scripted_server(script, extensions=PIPELINING if seed % 2 else PLAIN) as server:
        with serving(server.port, pile, connections=4) as provider:
            until = time.monotonic() + WAIT_SECONDS
            while len(pile.results) < 150 and time.monotonic() < until:
                provider.wake()  # also ends troubles
                time.sleep(0.01)
            eventually(provider.is_idle)
    assert sorted(pile.fates) == list(range(1, 151))
    arrived = [int(name[1:].partition("@")[0]) for name in server.recipients]
    assert len(arrived) == len(set(arrived)), "nobody gets it twice"
    of = {fate: {n for n, found in pile.fates.items() if found == fate} for fate in FATES}
    assert set(arrived) <= of["sent"] | of["unknown"], "who got it is not told to be without"
    assert of["sent"] <= set(pile.begun)
    assert len(pile.begun) == len(set(pile.begun)), "no body is begun twice"


# --- the account --------------------------------------------------------------------------------


def trouble_of(login: SmtpLogin, timeouts: Timeouts = QUICK) -> ProviderTroubleError:
    pile = pile_of(1)
    provider = SmtpProvider(login, timeouts=timeouts)
    provider.serve(pile, 3)
    pile.wait(1)
    provider.close()
    assert (pile.results, pile.begun, len(pile.waiting)) == ([], [], 1)
    return pile.troubles[0]


def test_no_answer_is_trouble_in_words() -> None:
    with scripted_server(lambda line, _: SILENT) as server:
        login = SmtpLogin("127.0.0.1", server.port, "none")
        trouble = trouble_of(login, replace(QUICK, greeting=0.2))
    assert "did not answer" in in_english(trouble)
    assert not trouble.permanent


def test_nobody_listening_is_trouble_in_words_and_wakes_up_again() -> None:
    with scripted_server() as server:
        port = server.port
    pile = pile_of(1)
    with serving(port, pile) as provider:
        pile.wait(1)
        assert "refused the connection" in in_english(pile.troubles[0])
        assert not pile.troubles[0].permanent
        pile.troubles.clear()
        provider.wake()
        eventually(lambda: pile.troubles)


def test_an_unknown_host_is_permanent_trouble() -> None:
    trouble = trouble_of(SmtpLogin("no-such-host.invalid", 25, "none"))
    assert "No server named" in in_english(trouble)
    assert trouble.permanent


def test_a_connection_that_cannot_be_opened_is_no_trouble_while_others_work() -> None:
    """A server may allow fewer connections than we would like."""

    def script(line: str, session: Session) -> str | None:
        if line == "<connect>" and session.number > 2:
            return "421 4.7.0 too many connections"
        if line == "<body>":
            time.sleep(0.005)
        return None

    pile = pile_of(200)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, pile, connections=10):
            pile.wait(200)
    assert pile.outcomes == ["sent"] * 200
    assert pile.troubles == []
    assert len(server.sessions) < 20, "it was not hammered"


def test_a_source_that_says_no_is_obeyed() -> None:
    class Refusing(Pile):
        def next_at(self) -> float | None:
            return None

        def begin(self, message: Message) -> bool:
            return message.delivery_id != 2 and super().begin(message)

        def release(self, message: Message) -> None:
            self.put_backs.append(message.delivery_id)
            if message.delivery_id != 2:
                self.waiting.insert(0, message)

    pile = Refusing(a_message(n) for n in (1, 2, 3))
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, pile):
            pile.wait(2)
    assert pile.fates == {1: "sent", 3: "sent"}
    assert server.recipients == ["p1@example.org", "p3@example.org"]
    assert 2 in pile.put_backs
    assert pile.troubles == []


def test_an_error_of_the_journal_stops_before_the_body_and_is_told() -> None:
    class FullDisk(Pile):
        def next_at(self) -> float | None:
            return None

        def begin(self, message: Message) -> bool:
            raise OSError("no space left")

    pile = FullDisk([a_message(1)])
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, pile) as provider:
            pile.wait(1)
            eventually(provider.is_idle)
    assert "no space left" in in_english(pile.troubles[0])
    assert (server.received, pile.put_backs) == ([], [1])


def test_closing_waits_for_replies_and_puts_the_rest_back() -> None:
    def slow(line: str, session: Session) -> str | None:
        if line == "<body>":
            time.sleep(0.3)
        return None

    pile = pile_of(5)
    with scripted_server(slow, extensions=PIPELINING) as server:
        with serving(server.port, pile) as provider:
            eventually(lambda: pile.begun)
            provider.close(wait_seconds=5)
            assert provider.is_idle()
            assert pile.outcomes == ["sent"]
            assert sorted(message.delivery_id for message in pile.waiting) == [2, 3, 4, 5]
            provider.close()


def test_closing_at_once_makes_a_body_that_has_left_unknown() -> None:
    pile = pile_of(3)
    with scripted_server(
        lambda line, _: SILENT if line == "<body>" else None, extensions=PIPELINING
    ) as server:
        with serving(server.port, pile) as provider:
            eventually(lambda: pile.begun)
            provider.close()
            assert pile.fates == {1: "unknown"}
            assert provider.is_idle()
            assert len(pile.waiting) == 2


# --- one at a time ------------------------------------------------------------------------------


def plain(port: int) -> SmtpProvider:
    return SmtpProvider(SmtpLogin("127.0.0.1", port, "none"), timeouts=QUICK)


def test_one_message_is_sent_and_its_journal_runs_in_the_callers_thread() -> None:
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


def test_an_exception_before_the_body_ends_the_sending() -> None:
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


def test_time_runs_out_before_and_after_the_body() -> None:
    with scripted_server(lambda line, _: SILENT if line.startswith("RCPT") else None) as server:
        with pytest.raises(ProviderTroubleError, match=r"connection\.took_too_long"):
            send_one(plain(server.port), a_message(), before_body=lambda _: None, timeout=0.3)
    with scripted_server(lambda line, _: SILENT if line == "<body>" else None) as server:
        result = send_one(plain(server.port), a_message(), before_body=lambda _: None, timeout=0.3)
    assert result.outcome == "unknown"


def test_trouble_is_raised() -> None:
    with scripted_server() as server:
        port = server.port
    with pytest.raises(ProviderTroubleError, match=r"connection\.refused"):
        send_one(plain(port), a_message(), before_body=lambda _: None)


# --- encrypted ----------------------------------------------------------------------------------


def test_s1_many_messages_over_tls(server_tls: ssl.SSLContext, trusted: None) -> None:
    body = b"Subject: x\r\n\r\n" + b"0123456789" * 10_000 + b"\r\n"
    pile = Pile(replace(a_message(n), data=body) for n in range(1, 101))
    with scripted_server(tls=server_tls, implicit_tls=True, extensions=PIPELINING) as server:
        login = SmtpLogin("localhost", server.port, "tls")
        provider = SmtpProvider(login, timeouts=QUICK)
        provider.serve(pile, 3)
        pile.wait(100)
        provider.close()
    assert pile.outcomes == ["sent"] * 100
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 101))
    assert all(message.data == body for message in server.received)


# --- the thread -----------------------------------------------------------------------------------


def test_all_accounts_of_a_process_share_one_thread_and_a_child_gets_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = pile_of(5), pile_of(5)
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


def test_an_account_goes_on_in_another_thread_when_its_own_is_gone() -> None:
    """As after a fork: nothing of the parent's connections is touched or waited for."""
    pile = pile_of(2)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, pile) as provider:
            pile.wait(2)
            stop_shared_loop()
            provider.wake()
            pile.waiting.append(a_message(3))
            provider.serve(pile, 1)
            pile.wait(3)
    assert pile.outcomes == ["sent"] * 3
    assert len(server.sessions) == 2


def test_an_account_apart_has_a_thread_that_ends_with_it() -> None:
    before = set(threading.enumerate())  # the shared one may live on from other tests
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


def test_a_source_with_errors_harms_nobody_else() -> None:
    class Clumsy(Pile):
        def report(self, result: SendResult) -> None:
            super().report(result)
            raise RuntimeError("the disk is gone")

    clumsy, other = Clumsy(a_message(n) for n in (1, 2, 3)), pile_of(30)
    with scripted_server(extensions=PIPELINING) as server:
        with serving(server.port, clumsy) as provider, serving(server.port, other):
            clumsy.wait(3)
            other.wait(30)
            eventually(provider.is_idle)
    assert clumsy.outcomes == ["sent"] * 3
    assert other.outcomes == ["sent"] * 30


def test_a_message_that_cannot_be_taken_is_trouble() -> None:
    class Broken(Pile):
        def take(self) -> Message | None:
            raise RuntimeError("no such filter")

    pile = Broken()
    with scripted_server() as server, serving(server.port, pile) as provider:
        eventually(lambda: pile.troubles)
        eventually(provider.is_idle)
    assert "no such filter" in in_english(pile.troubles[0])


def test_the_loop_survives_errors_of_those_it_calls() -> None:
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

    def script(line: str, session: Session) -> str | None:
        if line == "<body>":
            answers.wait(WAIT_SECONDS)
        return None

    pile = pile_of(12)
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, pile, connections=4) as provider:
            eventually(lambda: len(pile.begun) == 4)
            provider.serve(pile, 2)
            answers.set()
            pile.wait(12)
            eventually(lambda: provider.open_connections == 2)
            provider.serve(pile, 0)
            eventually(lambda: provider.open_connections == 0)
    assert pile.outcomes == ["sent"] * 12
    assert len(server.sessions) == 4


def test_a_connection_that_was_being_opened_when_the_share_was_lowered_is_closed() -> None:
    let_in = threading.Event()

    def script(line: str, session: Session) -> str | None:
        if line == "<connect>":
            let_in.wait(WAIT_SECONDS)
        return None

    pile = pile_of(3)
    with scripted_server(script, extensions=PIPELINING) as server:
        with serving(server.port, pile, connections=1) as provider:
            eventually(lambda: server.sessions)
            assert provider.open_connections == 1, "one that is being opened counts"
            provider.serve(pile, 0)
            let_in.set()
            eventually(lambda: provider.open_connections == 0)
    assert pile.results == []
    assert sorted(message.delivery_id for message in pile.waiting) == [1, 2, 3]
