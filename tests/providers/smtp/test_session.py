"""One connection without a socket: each reply is matched to its message, however it arrives."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.messages import Message, SendResult
from campaigns.providers.smtp.replies import (
    LONGEST_REPLY,
    MalformedReplyError,
    ReplyReader,
    reply_text,
)
from campaigns.providers.smtp.session import Features, Session, wire_form

PLAIN = Features(size=True)
PIPELINING = replace(PLAIN, pipelining=True)
BOTH = pytest.mark.parametrize("features", [PIPELINING, PLAIN], ids=["pipelining", "plain"])
CHUNKINGS = pytest.mark.parametrize("chunking", ["whole", "lines", "bytes"])
GONE = "the line is dead"


def a_message(number: int, **values: object) -> Message:
    message = Message(number, f"b+t{number}@example.org", f"p{number}@example.org", b"hello\r\n")
    return replace(message, **values)  # type: ignore[arg-type]


@dataclass
class RecordingFeeder:
    """A feeder that records what it is told."""

    waiting: list[Message]
    refuse: set[int] = field(default_factory=set)
    begun: list[int] = field(default_factory=list)
    results: dict[int, SendResult] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)
    handed_back: dict[int, SendResult] = field(default_factory=dict)

    def take(self) -> Message | None:
        return self.waiting.pop(0) if self.waiting else None

    def begin(self, message: Message) -> bool:
        if message.delivery_id in self.refuse:
            return False
        self.begun.append(message.delivery_id)
        return True

    def release(self, message: Message) -> None:
        self.released.append(message.delivery_id)

    def report(self, result: SendResult) -> None:
        assert result.delivery_id not in self.results, "one outcome each"
        self.results[result.delivery_id] = result

    def hand_back(self, message: Message, result: SendResult, *, is_first: bool) -> None:
        assert (result.delivery_id, result.outcome) == (message.delivery_id, "unsent")
        self.handed_back[message.delivery_id] = result

    @property
    def outcomes(self) -> dict[int, str]:
        return {number: result.outcome for number, result in self.results.items()}


class Server:
    """Reads what is written and answers; `replies` replaces usual replies, by "verb number"."""

    def __init__(self, replies_by_step: dict[str, str]) -> None:
        self._replies_by_step = replies_by_step
        self._buffer = b""
        self._in_body = self._is_granted = False
        self._number = "0"
        self.lines: list[str] = []
        self.bodies: list[bytes] = []

    def answer(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while True:
            if self._in_body:
                if self._buffer.startswith(b".\r\n"):
                    body, self._buffer = b"", self._buffer[3:]
                elif b"\r\n.\r\n" in self._buffer:
                    body, _, self._buffer = self._buffer.partition(b"\r\n.\r\n")
                else:
                    return
                self._in_body = False
                self.bodies.append(body)
                yield self._reply("dot", "250 2.0.0 queued")
                continue
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                return
            self._buffer = rest
            text = line.decode()
            self.lines.append(text)
            verb = text.split(" ")[0].lower()
            if verb == "mail":
                self._number = text.partition("+t")[2].partition("@")[0]
            reply = self._reply(verb, self._usual(verb))
            self._in_body = verb == "data" and reply.startswith(b"354")
            self._is_granted = reply.startswith(b"2")
            yield reply

    def _usual(self, verb: str) -> str:
        if verb in ("rcpt", "data") and not self._is_granted:
            return "503 5.5.1 that comes later"
        return {"data": "354 go", "quit": "221 bye"}.get(verb, "250 ok")

    def _reply(self, verb: str, usual: str) -> bytes:
        return (self._replies_by_step.get(f"{verb} {self._number}", usual)).encode(
            "latin-1"
        ) + b"\r\n"


def pieces(replies: Iterable[bytes], chunking: str) -> list[bytes]:
    whole = b"".join(replies)
    if chunking == "whole":
        return [whole] if whole else []
    if chunking == "lines":
        return whole.splitlines(keepends=True)
    return [whole[i : i + 1] for i in range(len(whole))]


def run_session(
    replies_by_step: dict[str, str],
    features: Features,
    chunking: str = "whole",
    count: int = 5,
    **values: object,
) -> tuple[RecordingFeeder, Server, Session]:
    """Run until nothing more is sent, or the connection must be dropped."""
    feeder = RecordingFeeder([a_message(number, **values) for number in range(1, count + 1)])
    server = Server(replies_by_step)
    session = Session(feeder, features)
    written = session.start()
    while written and not session.over:
        session.is_unwritten = False
        replies = pieces(server.answer(written), chunking)
        written = b""
        for piece in replies:
            more = session.feed(piece)
            if more:
                # The output is written before the next piece is read.
                session.is_unwritten = False
            written += more
    return feeder, server, session


@BOTH
@CHUNKINGS
def test_all_are_sent_in_order(features: Features, chunking: str) -> None:
    feeder, server, session = run_session({}, features, chunking)
    assert feeder.outcomes == dict.fromkeys(range(1, 6), "sent")
    assert feeder.results[1] == SendResult(1, "sent", "250 2.0.0 queued", 250, "recipient", "dot")
    assert feeder.begun == [1, 2, 3, 4, 5]
    assert server.bodies == [b"hello"] * 5
    assert (session.over, session.waits_for, session.is_busy) == ("", "", False)
    assert session.answered == 5


def test_the_next_envelope_is_sent_with_a_body() -> None:
    feeder = RecordingFeeder([a_message(1), a_message(2)])
    session = Session(feeder, PIPELINING)
    envelope = b"MAIL FROM:<b+t%d@example.org> SIZE=7\r\nRCPT TO:<p%d@example.org>\r\nDATA\r\n"
    assert session.start() == envelope % (1, 1)
    assert session.feed(b"250 a\r\n250 b\r\n354 c\r\n") == b"hello\r\n.\r\n" + envelope % (2, 2)
    assert feeder.begun == [1]
    session.is_unwritten = False
    assert session.feed(b"250 d\r\n250 e\r\n250 f\r\n354 g\r\n") == b"hello\r\n.\r\n"
    assert feeder.outcomes == {1: "sent"}
    assert feeder.begun == [1, 2]


def test_no_envelope_is_sent_with_the_last_body() -> None:
    feeder = RecordingFeeder([a_message(1)])
    session = Session(feeder, PIPELINING)
    session.start()
    assert session.feed(b"250 a\r\n250 b\r\n354 c\r\n") == b"hello\r\n.\r\n"
    session.is_unwritten = False
    assert session.feed(b"250 d\r\n") == b""
    feeder.waiting.append(a_message(2))
    assert session.start().startswith(b"MAIL FROM:<b+t2@")


def test_without_pipelining_there_is_one_command_at_a_time() -> None:
    session = Session(RecordingFeeder([a_message(1), a_message(2)]), PLAIN)
    assert session.start() == b"MAIL FROM:<b+t1@example.org> SIZE=7\r\n"
    assert session.feed(b"250 a\r\n") == b"RCPT TO:<p1@example.org>\r\n"
    assert session.feed(b"250 b\r\n") == b"DATA\r\n"
    assert session.feed(b"354 c\r\n") == b"hello\r\n.\r\n"
    session.is_unwritten = False
    assert session.feed(b"250 d\r\n") == b"MAIL FROM:<b+t2@example.org> SIZE=7\r\n"


# --- refusals -----------------------------------------------------------------------------------


@BOTH
@CHUNKINGS
@pytest.mark.parametrize(
    ("replies_by_step", "outcome", "scope", "step"),
    [
        ({"mail 3": "550 5.1.8 bad sender"}, "failed", "sender", "mail"),
        ({"mail 3": "451 4.3.0 later"}, "deferred", "sender", "mail"),
        ({"mail 3": "552 5.3.4 too big"}, "failed", "recipient", "mail"),
        ({"mail 3": "553 5.6.7 no such letters"}, "failed", "recipient", "mail"),
        ({"rcpt 3": "550 5.1.1 no such user"}, "failed", "recipient", "rcpt"),
        ({"rcpt 3": "450 4.2.0 greylisted"}, "deferred", "recipient", "rcpt"),
        ({"rcpt 3": "550-5.1.1 no\r\n550-5.1.1 such\r\n550 5.1.1 user"}, "failed", "recipient",
         "rcpt"),
        ({"rcpt 3": "530 5.7.0 authenticate"}, "failed", "sender", "rcpt"),
        ({"rcpt 3": "550 5.7.8 login"}, "failed", "sender", "rcpt"),
        ({"rcpt 3": "550 5.1.8 sender's domain"}, "failed", "sender", "rcpt"),
        ({"rcpt 3": "550 5.1.10 no mx"}, "failed", "recipient", "rcpt"),
        ({"data 3": "451 4.3.0 later"}, "deferred", "recipient", "data"),
        ({"data 3": "554 5.7.1 no"}, "failed", "recipient", "data"),
        ({"dot 3": "552 5.2.2 full"}, "failed", "recipient", "dot"),
        ({"dot 3": "452 4.2.2 full"}, "deferred", "recipient", "dot"),
        ({"dot 3": "535 5.7.8 logged out"}, "failed", "sender", "dot"),
        ({"dot 3": "550"}, "failed", "recipient", "dot"),
        ({"rcpt 3": "550 no", "data 3": "503 no"}, "failed", "recipient", "rcpt"),
        ({"mail 3": "450 no", "rcpt 3": "503 no", "data 3": "503 no"}, "deferred", "sender",
         "mail"),
    ],
)  # fmt: skip
def test_a_refusal_affects_only_its_own_message(
    features: Features,
    chunking: str,
    replies_by_step: dict[str, str],
    outcome: str,
    scope: str,
    step: str,
) -> None:
    feeder, server, session = run_session(replies_by_step, features, chunking)
    expected = {**dict.fromkeys((1, 2, 4, 5), "sent"), 3: outcome}
    assert dict(sorted(feeder.outcomes.items())) == dict(sorted(expected.items()))
    result = feeder.results[3]
    assert (result.scope, result.step) == (scope, step)
    first = next(iter(replies_by_step.values()))
    words = " ".join(line[4:] for line in first.split("\r\n"))
    assert result.reply == f"{first[:3]} {words}".strip()
    assert result.code == int(first[:3])
    assert feeder.begun == ([1, 2, 3, 4, 5] if step == "dot" else [1, 2, 4, 5])
    assert server.bodies.count(b"hello") == len(feeder.begun)
    assert server.lines.count("RSET") == (0 if step == "dot" else 1)
    assert not session.over
    assert session.answered == 5


@CHUNKINGS
def test_data_accepted_after_a_refused_recipient(chunking: str) -> None:
    """A lone dot ends the data; the reply to it belongs to no message."""
    for verdict in ("554 no valid recipients", "250 as you like"):
        replies_by_step = {"rcpt 3": "550 5.1.1 no", "data 3": "354 go", "dot 3": verdict}
        feeder, server, session = run_session(replies_by_step, PIPELINING, chunking)
        assert feeder.outcomes == {**dict.fromkeys((1, 2, 4, 5), "sent"), 3: "failed"}
        assert server.bodies == [b"hello", b"hello", b"", b"hello", b"hello"]
        assert server.lines.count("RSET") == 1
        assert not session.over


def test_no_empty_email_is_sent_after_a_refused_sender() -> None:
    """MAIL refused, RCPT and DATA accepted: the server is confused, so drop the connection."""
    feeder, server, session = run_session(
        {"mail 3": "550 no", "rcpt 3": "250 ok", "data 3": "354 go"}, PIPELINING
    )
    assert b"" not in server.bodies
    assert "had refused" in session.over
    assert feeder.outcomes == {1: "sent", 2: "sent", 3: "failed"}


def test_a_refused_rset_ends_the_connection() -> None:
    feeder, _, session = run_session({"rcpt 2": "550 no", "data 2": "503 no", "rset 2": "500 what"},
                                 PIPELINING)  # fmt: skip
    assert session.over == "the server takes no RSET"
    assert feeder.outcomes == {1: "sent", 2: "failed"}
    assert list(feeder.handed_back) == [3]


# --- the end of a connection --------------------------------------------------------------------


@BOTH
@CHUNKINGS
@pytest.mark.parametrize("verb", ["mail", "rcpt", "data"])
def test_a_421_fails_no_message(features: Features, chunking: str, verb: str) -> None:
    feeder, _, session = run_session({f"{verb} 3": "421 4.7.0 enough"}, features, chunking)
    assert feeder.outcomes == {1: "sent", 2: "sent"}
    (result,) = feeder.handed_back.values()
    assert result == SendResult(3, "unsent", "421 4.7.0 enough", 421, "connection", verb)  # type: ignore[arg-type]
    assert session.over == "421 4.7.0 enough"
    assert session.was_broken
    assert not session.left_unknown


@BOTH
@CHUNKINGS
def test_a_421_after_the_body_defers_that_message_and_releases_the_next(
    features: Features, chunking: str
) -> None:
    feeder, _, session = run_session({"dot 3": "421 4.3.2 shutting down"}, features, chunking)
    assert feeder.outcomes == {1: "sent", 2: "sent", 3: "deferred"}
    assert (feeder.results[3].scope, feeder.results[3].step) == ("connection", "dot")
    assert list(feeder.handed_back) == ([4] if features.pipelining else [])
    assert not session.left_unknown


@BOTH
@pytest.mark.parametrize(
    "nonsense", ["garbage", "199 what", "600 what", "25", "2500 ok", "", "\x00\xff", "350 x"]
)
@pytest.mark.parametrize("verb", ["mail", "rcpt", "data", "dot"])
def test_malformed_replies_end_the_connection(features: Features, nonsense: str, verb: str) -> None:
    feeder, _, session = run_session({f"{verb} 3": nonsense}, features)
    assert "made no sense" in session.over
    if verb == "dot":
        assert feeder.outcomes == {1: "sent", 2: "sent", 3: "unknown"}
        assert session.left_unknown
    else:
        assert feeder.outcomes == {1: "sent", 2: "sent"}
        assert list(feeder.handed_back) == [3]


def test_a_250_to_data_does_not_start_the_body() -> None:
    feeder, server, session = run_session({"data 2": "250 ok"}, PIPELINING)
    assert "made no sense" in session.over
    assert feeder.begun == [1]
    assert server.bodies == [b"hello"]


@BOTH
@pytest.mark.parametrize("asked", ["mail", "rcpt", "data", "dot"])
def test_silence_at_any_point(features: Features, asked: str) -> None:
    """Only a message whose body has started to leave is uncertain."""
    feeder = RecordingFeeder([a_message(1), a_message(2)])
    session = Session(feeder, features)
    server = Server({})
    waiting = [*server.answer(session.start())]
    while session.waits_for != asked:
        more = session.feed(waiting.pop(0))
        session.is_unwritten = False
        waiting += server.answer(more)
    session.lost(GONE)
    assert session.over == GONE
    if asked == "dot":
        assert feeder.results[1] == SendResult(
            1, "unknown", f"no answer after the message: {GONE}", 0, "connection", "dot"
        )
        assert list(feeder.handed_back) == ([2] if features.pipelining else [])
    else:
        assert feeder.results == {}
        assert feeder.handed_back[1].step == asked
    assert session.feed(b"250 too late\r\n") == b""
    session.lost("again")


def test_a_body_of_which_nothing_was_written_is_unsent() -> None:
    feeder = RecordingFeeder([a_message(1)])
    session = Session(feeder, PIPELINING)
    session.start()
    session.feed(b"250 a\r\n250 b\r\n354 c\r\n")
    session.lost(GONE)
    assert feeder.outcomes == {}
    assert feeder.handed_back[1].step == "data"


def test_a_reply_before_the_body_was_written_is_not_its_reply() -> None:
    feeder = RecordingFeeder([a_message(1), a_message(2)])
    session = Session(feeder, PIPELINING)
    session.start()
    assert session.feed(b"250 a\r\n250 b\r\n354 c\r\n250 stray\r\n") == b""
    assert list(feeder.handed_back) == [1, 2]
    assert session.over


@pytest.mark.parametrize(
    ("reply", "outcome"), [(b"250 ok\r\n", "unknown"), (b"552 5.3.4 too big\r\n", "failed"),
                           (b"451 later\r\n", "deferred"), (b"421 bye\r\n", "deferred")],
)  # fmt: skip
def test_a_reply_while_the_body_is_being_written(reply: bytes, outcome: str) -> None:
    feeder = RecordingFeeder([a_message(1)])
    session = Session(feeder, PIPELINING)
    session.start()
    session.feed(b"250 a\r\n250 b\r\n354 c\r\n")
    session.is_unwritten, session.is_writing = False, True
    assert session.feed(reply) == b""
    assert feeder.outcomes == {1: outcome}
    assert session.over


@pytest.mark.parametrize(
    ("said", "over"), [(b"421 idle\r\n", "421 idle"), (b"250 hi\r\n", "the server spoke unasked")]
)
def test_an_unexpected_reply_drops_the_connection(said: bytes, over: str) -> None:
    feeder, _, session = run_session({}, PIPELINING, count=1)
    assert session.feed(said) == b""
    assert session.over.startswith(over)
    assert not session.was_broken
    feeder.waiting.append(a_message(9))
    assert session.start() == b""


def test_a_final_reply_is_used_and_nothing_more_is_sent() -> None:
    feeder = RecordingFeeder([a_message(n) for n in (1, 2, 3)])
    session = Session(feeder, PIPELINING)
    session.start()
    session.feed(b"250 a\r\n250 b\r\n354 c\r\n")
    session.is_unwritten = False
    session.last_words(b"250 queued\r\n250 d\r\n250 e\r\n354 f\r\n", GONE)
    assert feeder.outcomes == {1: "sent"}
    assert feeder.begun == [1]
    assert list(feeder.handed_back) == [2]
    assert [message.delivery_id for message in feeder.waiting] == [3]


# --- our decisions ------------------------------------------------------------------------------


def test_a_withdrawn_message_aborts_the_open_data() -> None:
    feeder = RecordingFeeder([a_message(n) for n in (1, 2, 3)], refuse={2})
    session = Session(feeder, PIPELINING)
    session.start()
    session.feed(b"250 a\r\n250 b\r\n354 c\r\n")
    session.is_unwritten = False
    assert session.feed(b"250 queued\r\n250 d\r\n250 e\r\n354 f\r\n") == b""
    assert feeder.outcomes == {1: "sent"}
    assert feeder.released == [2, 3]
    assert session.over


@BOTH
def test_stopping_waits_for_a_reply_and_releases_the_rest(features: Features) -> None:
    feeder = RecordingFeeder([a_message(n) for n in (1, 2, 3)])
    server, session = Server({}), Session(feeder, features)
    waiting = [*server.answer(session.start())]
    while session.waits_for != "dot":
        waiting += server.answer(session.feed(waiting.pop(0)))
        session.is_unwritten = False
    assert session.stop() == b""
    assert feeder.released == ([2] if features.pipelining else [])
    written = b"".join(session.feed(piece) for piece in waiting)
    assert feeder.outcomes == {1: "sent"}
    if features.pipelining:
        assert session.over, "DATA may be open, so QUIT is not possible"
    else:
        assert written == b"QUIT\r\n"
        assert session.feed(b"221 bye\r\n") == b""
        assert session.over == "closed"


def test_stopping_an_idle_connection_quits() -> None:
    session = Session(RecordingFeeder([]), PIPELINING)
    assert session.stop() == b"QUIT\r\n"
    assert session.stop() == b""
    session.feed(b"221 bye\r\n")
    assert session.over


@BOTH
def test_stopping_in_an_envelope_ends_immediately(features: Features) -> None:
    feeder = RecordingFeeder([a_message(1)])
    session = Session(feeder, features)
    session.start()
    assert session.stop() == b""
    assert feeder.released == [1]
    assert session.over


# --- envelopes ----------------------------------------------------------------------------------

ALL = Features(True, True, 100, True, True, True)


def envelope(features: Features, **values: object) -> str:
    feeder = RecordingFeeder([a_message(1, **values)])
    said = Session(feeder, replace(features, pipelining=True)).start().decode()
    return said or next(iter(feeder.results.values())).reply


@pytest.mark.parametrize(
    ("features", "values", "expected"),
    [
        (Features(), {}, "MAIL FROM:<b+t1@example.org>|RCPT TO:<p1@example.org>"),
        (
            ALL,
            {},
            (
                "MAIL FROM:<b+t1@example.org> SIZE=7 RET=HDRS ENVID=b+2Bt1|RCPT TO:<p1@example.org>"
                " NOTIFY=FAILURE ORCPT=rfc822;p1@example.org"
            ),
        ),
        (
            replace(ALL, size=False),
            {"address": "a+b=c@example.org"},
            (
                "MAIL FROM:<b+t1@example.org> RET=HDRS ENVID=b+2Bt1|RCPT TO:<a+b=c@example.org>"
                " NOTIFY=FAILURE ORCPT=rfc822;a+2Bb+3Dc@example.org"
            ),
        ),
        (
            Features(utf8=True),
            {"address": "jörg@bücher.example"},
            "MAIL FROM:<b+t1@example.org> SMTPUTF8|RCPT TO:<jörg@xn--bcher-kva.example>",
        ),
        (
            Features(utf8=True, dsn=True),
            {"address": "jörg@example.org"},
            (
                "MAIL FROM:<b+t1@example.org> SMTPUTF8 RET=HDRS ENVID=b+2Bt1"
                "|RCPT TO:<jörg@example.org> NOTIFY=FAILURE"
            ),
        ),
        (
            Features(utf8=True),
            {"address": "info@bücher.example", "mail_from": "b@straße.example"},
            "MAIL FROM:<b@xn--strae-oqa.example>|RCPT TO:<info@xn--bcher-kva.example>",
        ),
        (
            Features(dsn=True, eight_bit=True),
            {"mail_from": "", "data": "ö\r\n".encode()},
            (
                "MAIL FROM:<> BODY=8BITMIME|RCPT TO:<p1@example.org> NOTIFY=FAILURE"
                " ORCPT=rfc822;p1@example.org"
            ),
        ),
        (
            Features(eight_bit=True),
            {},
            "MAIL FROM:<b+t1@example.org>|RCPT TO:<p1@example.org>",
        ),
    ],
)
def test_envelopes(features: Features, values: dict[str, object], expected: str) -> None:
    assert envelope(features, **values) == expected.replace("|", "\r\n") + "\r\nDATA\r\n"


@BOTH
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"address": "jörg@example.org"}, "SMTPUTF8"),
        ({"mail_from": "b+jörg@example.org"}, "SMTPUTF8"),
        ({"data": b"x" * 101}, "5.3.4 The message is too large for this server: 101 bytes"),
        ({"data": "ö\r\n".encode()}, "8BITMIME"),
        ({"address": "a@x.example>\r\nRCPT TO:<b@x.example"}, "5.1.3"),
        ({"address": "a@x.example> NOTIFY=NEVER <"}, "5.1.3"),
        ({"mail_from": "a@x.example\nDATA"}, "5.1.3"),
        ({"address": ""}, "5.1.3"),
        ({"address": "a\x00@x.example"}, "5.1.3"),
    ],
)
def test_a_message_that_cannot_be_offered_fails_alone(
    features: Features, values: dict[str, object], words: str
) -> None:
    features = replace(features, largest=100)
    feeder = RecordingFeeder([a_message(1), a_message(2, **values), a_message(3)])
    server, session = Server({}), Session(feeder, features)
    written = session.start()
    while written:
        session.is_unwritten = False
        written = b"".join(session.feed(piece) for piece in pieces(server.answer(written), "whole"))
    assert feeder.outcomes == {1: "sent", 2: "failed", 3: "sent"}
    assert words in feeder.results[2].reply
    assert feeder.results[2].scope == "recipient"
    assert feeder.begun == [1, 3]
    assert [line for line in server.lines if "x.example" in line or "NOTIFY" in line] == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\r\n", b"a\r\n"),
        (b"a", b"a\r\n"),
        (b".\r\n..a\r\n", b"..\r\n...a\r\n"),
        (b"a\n.\nb\r.\r", b"a\r\n..\r\nb\r\n..\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\n\r\n..\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_f2_the_wire_form(data: bytes, expected: bytes) -> None:
    assert wire_form(data) == expected


@given(st.binary(max_size=60) | st.text(".\r\na", max_size=30).map(str.encode))
def test_f2_no_body_can_end_the_data_early(data: bytes) -> None:
    wire = wire_form(data)
    assert wire.endswith(b"\r\n")
    lines = wire.split(b"\r\n")[:-1]
    assert not any(b"\r" in line or b"\n" in line or line == b"." for line in lines)


# --- replies ------------------------------------------------------------------------------------


def read_all(data: bytes, cuts: Iterable[int] = ()) -> list[tuple[int, bytes]]:
    reader, found, start = ReplyReader(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        reader.feed(data[start:cut])
        start = cut
        while (reply := reader.next()) is not None:
            found.append(reply)
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"250 ok\r\n", [(250, b"ok")]),
        (b"250\r\n", [(250, b"")]),
        (b"250 \n", [(250, b"")]),
        (b"250-a\r\n250-\r\n250 c\r\n354 go\r\n", [(250, b"a\n\nc"), (354, b"go")]),
        (b"550 " + b"x" * 5000 + b"\r\n", [(550, b"x" * 5000)]),
        (b"550 5.1.1 gr\xfc\xdfe\r\n", [(550, b"5.1.1 gr\xfc\xdfe")]),
        (b"250-a", []),
    ],
)
def test_s6_replies_of_all_kinds(data: bytes, expected: list[tuple[int, bytes]]) -> None:
    for cuts in [(), range(len(data))]:
        assert read_all(data, cuts) == expected


@given(
    st.lists(
        st.tuples(
            st.integers(200, 599),
            st.lists(
                st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20),
                min_size=1,
            ),
        ),
        max_size=6,
    ),
    st.data(),
)
def test_s6_replies_are_read_in_any_chunks(
    replies: list[tuple[int, list[str]]], data: st.DataObject
) -> None:
    whole = b"".join(
        b"".join(
            f"{code}{' ' if number == len(lines) else '-'}{line}\r\n".encode()
            for number, line in enumerate(lines, start=1)
        )
        for code, lines in replies
    )
    cuts = data.draw(st.lists(st.integers(0, len(whole))))
    expected = [(code, "\n".join(lines).encode()) for code, lines in replies]
    assert read_all(whole, cuts) == expected


@given(st.binary(max_size=300))
def test_s6_garbage_does_nothing_but_end_the_connection(garbage: bytes) -> None:
    feeder = RecordingFeeder([a_message(1), a_message(2)])
    session = Session(feeder, PIPELINING)
    session.start()
    session.feed(garbage)
    session.lost(GONE)
    assert {*feeder.results, *feeder.handed_back, *feeder.released} | {
        message.delivery_id for message in feeder.waiting
    } == {1, 2}


@pytest.mark.parametrize("data", [b"x" * (LONGEST_REPLY + 1), b"250-x\r\n" * LONGEST_REPLY])
def test_an_endless_reply_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedReplyError):
        read_all(data, range(0, len(data), 1000))


def test_reply_texts_are_clean_and_short() -> None:
    assert reply_text(550, b"5.1.1 gr\xfc\xdfe\r\nb\x00\xe2\x80\xa8c ") == "550 5.1.1 gr��e b c"
    assert reply_text(0, "x" * 600) == "x" * 500


# --- everything at once -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(300))
def test_any_mix_of_replies_gives_each_message_its_one_outcome(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    moods = ["550 5.1.1 no", "451 4.7.1 later", "421 bye", "250-many\r\n250 lines", "nonsense"]
    replies_by_step = {
        f"{verb} {number}": chance.choice(moods)
        for number in range(1, 31)
        for verb in ("mail", "rcpt", "data", "dot", "rset")
        if chance.random() < 0.05
    }
    features = chance.choice((PIPELINING, PLAIN))
    feeder, _server, session = run_session(
        replies_by_step, features, chance.choice(("whole", "lines", "bytes")), 30
    )
    left = {message.delivery_id for message in feeder.waiting}
    ends = [set(feeder.results), set(feeder.handed_back), left]
    assert set().union(*ends) == set(range(1, 31))
    assert sum(map(len, ends)) == 30
    for number, result in feeder.results.items():
        first = next(
            (
                (verb, replies_by_step[f"{verb} {number}"])
                for verb in ("mail", "rcpt", "data", "dot")
                if not replies_by_step.get(f"{verb} {number}", "250").startswith("250")
                or (verb == "data" and f"{verb} {number}" in replies_by_step)
            ),
            ("dot", "250"),
        )
        wanted = {"2": "sent", "4": "deferred", "5": "failed", "n": "unknown"}[first[1][0]]
        assert (result.outcome, result.step) == (wanted, first[0]), (number, first)
    assert len(feeder.begun) == len(set(feeder.begun))
    assert bool(session.over) == bool(left or feeder.handed_back or session.was_broken)
