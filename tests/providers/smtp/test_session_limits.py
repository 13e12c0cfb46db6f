"""Session limits: the server wants a new connection, and no message fails because of that."""

import csv
import os
from pathlib import Path

import pytest

from campaigns.providers.classify import classify
from campaigns.providers.session_limits import is_about_session, is_session_full
from tests.english import in_english
from tests.providers.smtp.test_pool import (
    BOTH,
    PIPELINING,
    RecordingSource,
    eventually,
    serving,
    source_of,
    stop_loop_afterwards,
)
from tests.smtp_server import Session, scripted_server

__all__ = ["stop_loop_afterwards"]

FULL = [
    "452 4.4.5 Maximum number of messages per session exceeded.",
    "421 too many messages in this connection",
    "452 too many messages per connection",
    "451 4.7.0 Session limit exceeded",
    "454 SMTP session limit exceeded",
    "421 Max message per connection reached, closing transmission channel",
    "452 4.5.3 Too many recipients in this session",
    "452 4.3.2 Session message limit reached",
    "450 You have sent too many emails in one session",
    "550 5.7.0 Message limit for this session has been reached",
    "552 Maximum messages per connection (100) exceeded",
    "451 Message count exceeded for session",
    "450 transaction limit per connection exceeded; please reconnect",
    "421 4.7.0 max messages/connection",
    "450 only 10 messages per session",
    "451 50 messages per connection allowed",
    "452 no more messages on this session",
    "421 Maximale Anzahl Nachrichten pro Verbindung erreicht",
    "421 Zu viele Nachrichten in dieser Sitzung",
    "450 trop de messages par session",
    "450 demasiados mensajes por conexión",
    "450 troppi messaggi per sessione",
    "451 4.7.1 connection message limit exceeded",
    "452 Session is full",
]
OVER = [
    "421 4.7.0 Connection expired, try reconnecting. See our help pages.",
    "451 4.4.2 Timeout - closing connection.",
    "421 4.4.2 Idle timeout, closing connection",
    "451 please open a new connection",
    "450 session has expired",
]
OTHER_LIMITS = [
    "421 4.7.0 Too many concurrent SMTP connections",
    "432 4.3.2 Concurrent connections limit exceeded",
    "421 too many connections from your IP",
    "421 Too many sessions from this host",
    "450 4.7.1 Error: too much mail from 192.0.2.1",
    "454 Throttling failure: Maximum sending rate exceeded.",
    "454 Throttling failure: Daily message quota exceeded.",
    "550 5.4.5 Daily user sending limit exceeded",
    "452 4.2.2 The recipient's inbox is out of storage space",
    "450 4.2.1 The user you are trying to contact is receiving email too quickly.",
    "421 4.4.5 Server busy, try again later",
    "452 4.5.3 Your message has too many recipients",
    "421 4.7.0 Connection rate limit exceeded",
    "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
    "552 5.3.4 message size exceeds the maximum for this session",
    "550 5.7.1 Relaying not permitted for this session",
    "550 mail from this host not allowed on this connection",
    "421 4.7.0 Too many messages, reconnect in 10 minutes",
    "550 5.7.1 spam message rejected; closing connection",
    "450 Too many messages; closing this connection",
    "451 4.4.1 connection timed out to remote host",
    "450 too many messages per hour",
    "421 session limit per IP exceeded",
    "530 5.7.0 Must issue a STARTTLS command first on this connection",
]


@pytest.mark.parametrize("reply", FULL)
def test_many_wordings_of_a_full_session(reply: str) -> None:
    assert is_session_full(reply)
    assert is_about_session(reply)


@pytest.mark.parametrize("reply", OVER)
def test_an_expired_session_is_no_message_count(reply: str) -> None:
    assert is_about_session(reply)
    assert not is_session_full(reply)


@pytest.mark.parametrize("reply", OTHER_LIMITS)
def test_limits_of_the_account_or_the_mailbox_are_no_session_limits(reply: str) -> None:
    assert not is_about_session(reply)


def test_a_session_limit_throttles_nobody() -> None:
    for reply in FULL:
        if reply.startswith("4"):
            code, _, words = reply.partition(" ")
            assert classify(int(code), words, scope="sender", step="mail") == "transient"


@pytest.mark.corpus
@pytest.mark.skipif("CORPUS_DIR" not in os.environ, reason="CORPUS_DIR is not set")
def test_real_replies_about_the_session() -> None:
    found = []
    files = sorted((Path(os.environ["CORPUS_DIR"]) / "smtp-replies").glob("*.csv"))
    assert files
    for file in files:
        with file.open(encoding="utf-8") as lines:
            found += [
                row["text"]
                for row in csv.DictReader(lines)
                if is_about_session(row.get("text") or "")
            ]
    assert sorted(text.split(".")[0][:32] for text in found) == [
        "Connection expired, try reconnec",
        "Timeout - closing connection",
    ]


# --- the connections ----------------------------------------------------------------------------

WHERE = pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA", "<body>"])
CODES = ("421", "450", "451", "452", "454", "550", "552")


@BOTH
@WHERE
@pytest.mark.parametrize("code", CODES)
def test_a_full_session_is_renewed_and_no_message_fails(
    extensions: tuple[str, ...], where: str, code: str
) -> None:
    def script(line: str, session: Session) -> str | None:
        if line.startswith(where) and session.messages >= 5:
            return f"{code} 4.4.5 Maximum number of messages per session exceeded."
        return None

    source = source_of(12)
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, source):
            source.wait(12)
    assert source.troubles == []
    assert source.outcomes == ["sent"] * 12
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 13))
    assert len(server.sessions) == 3


@BOTH
def test_the_capacity_of_a_session_is_learned(extensions: tuple[str, ...]) -> None:
    refused = []

    def script(line: str, session: Session) -> str | None:
        if line.startswith("MAIL") and session.messages >= 5:
            refused.append(line)
            return "452 4.4.5 Maximum number of messages per session exceeded."
        return None

    source = source_of(31)
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, source):
            source.wait(31)
            # With pipelining this server accepts DATA from a refused sender, and that connection
            # can only be dropped. All others quit.
            ended = server.sessions[1 if extensions == PIPELINING else 0]
            eventually(lambda: ended.commands[-1] == "QUIT")
    assert source.outcomes == ["sent"] * 31
    assert len(refused) == 1, "later connections are renewed before they are refused"
    assert [session.messages for session in server.sessions] == [5, 5, 5, 5, 5, 5, 1]


@BOTH
@WHERE
def test_a_server_that_calls_every_session_full_is_trouble(
    extensions: tuple[str, ...], where: str
) -> None:
    words = "452 4.4.5 Maximum number of messages per session exceeded."
    source = source_of(3)
    script = lambda line, _: words if line.startswith(where) else None  # noqa: E731
    with scripted_server(script, extensions=extensions) as server:
        with serving(server.port, source):
            eventually(lambda: source.troubles)
    assert len(server.sessions) == 3
    assert f"accepts connections but no messages: {words}" in in_english(source.troubles[0])
    assert not source.troubles[0].permanent
    assert {result.outcome for result in source.results} <= {"unsent"}


def test_an_expired_connection_teaches_no_capacity() -> None:
    def script(line: str, session: Session) -> str | None:
        if line.startswith("MAIL") and session.number == 1 and session.messages == 1:
            return "451 4.4.2 Connection expired, try reconnecting."
        return None

    source = source_of(10)
    with scripted_server(script) as server:
        with serving(server.port, source):
            source.wait(10)
    assert [session.messages for session in server.sessions] == [1, 9]


def test_session_limits_over_many_connections() -> None:
    def script(line: str, session: Session) -> str | None:
        full = line.startswith("MAIL") and session.messages >= 5
        return "421 too many messages in this connection" if full else None

    source = RecordingSource(source_of(60).waiting)
    with scripted_server(script, extensions=("PIPELINING",)) as server:
        with serving(server.port, source, connections=4):
            source.wait(60)
    assert source.troubles == []
    assert source.outcomes == ["sent"] * 60
