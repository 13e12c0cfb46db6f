"""The plain SMTP provider against a real, scripted server: each reply hits its own message."""

import smtplib
import ssl
from collections.abc import Iterable

import pytest
import trustme

from campaigns.messages import Message, SendResult
from campaigns.providers import smtp as smtp_module
from campaigns.providers.base import ProviderTroubleError
from campaigns.providers.smtp import SmtpLogin, SmtpProvider
from tests.smtp_server import CLOSE, SILENT, Session, scripted_server


def a_message(
    number: int = 1, address: str = "", data: bytes = b"Subject: x\r\n\r\nhello\r\n"
) -> Message:
    return Message(number, "b+token@example.org", address or f"p{number}@example.org", data)


def send_all(
    provider: SmtpProvider, messages: Iterable[Message], begun: list[int] | None = None
) -> list[SendResult]:
    note = begun.append if begun is not None else lambda number: None
    try:
        return list(provider.send(messages, before_body=lambda message: note(message.delivery_id)))
    finally:
        provider.close()


def plain(port: int, **values: str) -> SmtpProvider:
    return SmtpProvider(SmtpLogin("127.0.0.1", port, "none", **values))


def test_every_message_is_handed_over_on_one_connection() -> None:
    with scripted_server() as server:
        results = send_all(plain(server.port), [a_message(n) for n in range(1, 6)])
    assert [result.outcome for result in results] == ["sent"] * 5
    assert server.recipients == [f"p{n}@example.org" for n in range(1, 6)]
    assert len(server.sessions) == 1
    assert results[0].reply == "250 2.0.0 Ok: queued as 4XyZ12abc"


@pytest.mark.parametrize("body", [b".", b"..", b".x\r\n.\r\ny", b"a\r\n..\r\n.b", b""])
def test_f2_leading_dots_survive_the_way(body: bytes) -> None:
    data = b"Subject: dots\r\n\r\n" + body + b"\r\n"
    with scripted_server() as server:
        send_all(plain(server.port), [a_message(data=data)])
    assert server.received[0].data == data


def test_a_refused_recipient_hits_that_message_only() -> None:
    def script(line: str, session: Session) -> str | None:
        return "550 5.1.1 no such user" if line.startswith("RCPT TO:<p2@") else None

    begun: list[int] = []
    with scripted_server(script) as server:
        results = send_all(plain(server.port), [a_message(n) for n in (1, 2, 3)], begun)
    assert [result.outcome for result in results] == ["sent", "failed", "sent"]
    assert (results[1].code, results[1].reply) == (550, "550 5.1.1 no such user")
    assert begun == [1, 3], "the body of a refused message never left"


@pytest.mark.parametrize(
    ("where", "reply", "outcome", "scope"),
    [
        ("RCPT", "451 4.7.1 greylisted", "deferred", "recipient"),
        ("DATA", "451 4.3.0 later", "deferred", "recipient"),
        ("DATA", "554 5.7.1 no", "failed", "recipient"),
        ("<body>", "552 5.2.2 mailbox full", "failed", "recipient"),
        ("<body>", "452 4.2.2 mailbox full", "deferred", "recipient"),
        ("MAIL", "550 5.1.8 sender rejected", "failed", "sender"),
        ("MAIL", "451 4.1.8 later", "deferred", "sender"),
        ("RCPT", "530 5.7.0 authentication required", "failed", "sender"),
    ],
)
def test_each_refusal_is_told_apart(where: str, reply: str, outcome: str, scope: str) -> None:
    with scripted_server(lambda line, _: reply if line.startswith(where) else None) as server:
        (result,) = send_all(plain(server.port), [a_message()])
    assert (result.outcome, result.scope) == (outcome, scope)
    assert result.reply == reply


def test_s5_a_421_after_three_messages_loses_nobody() -> None:
    def script(line: str, session: Session) -> str | None:
        return "421 4.7.0 enough" if line.startswith("MAIL") and session.messages == 3 else None

    with scripted_server(script) as server:
        results = send_all(plain(server.port), [a_message(n) for n in range(1, 8)])
    assert [result.outcome for result in results] == ["sent"] * 7
    assert server.recipients == [f"p{n}@example.org" for n in range(1, 8)]
    assert len(server.sessions) == 3


def test_a_server_that_always_says_421_gives_unsent_not_a_loop() -> None:
    with scripted_server(lambda line, _: "421 no" if line.startswith("MAIL") else None) as server:
        (result,) = send_all(plain(server.port), [a_message()])
    assert (result.outcome, result.scope) == ("unsent", "connection")
    assert len(server.sessions) == 1


def test_a_connection_that_breaks_before_the_body_leaves_the_message_unsent() -> None:
    begun: list[int] = []
    with scripted_server(lambda line, _: CLOSE if line == "DATA" else None) as server:
        (result,) = send_all(plain(server.port), [a_message()], begun)
    assert result.outcome == "unsent"
    assert begun == []
    assert server.received == []


def test_s8_a_connection_that_breaks_after_the_body_is_unknown_and_is_not_tried_again() -> None:
    with scripted_server(lambda line, _: CLOSE if line == "<body>" else None) as server:
        results = send_all(plain(server.port), [a_message(1)])
    assert [result.outcome for result in results] == ["unknown"]
    assert sum(command == "DATA" for s in server.sessions for command in s.commands) == 1


def test_a_server_that_is_silent_at_the_dot_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_module, "REPLY_TIMEOUT_SECONDS", 0.3)
    with scripted_server(lambda line, _: SILENT if line == "<body>" else None) as server:
        (result,) = send_all(plain(server.port), [a_message()])
    assert result.outcome == "unknown"


def test_an_error_of_the_journal_stops_before_the_body() -> None:
    def full_disk(message: Message) -> None:
        raise OSError("no space left")

    with scripted_server() as server:
        provider = plain(server.port)
        with pytest.raises(OSError, match="no space left"):
            list(provider.send([a_message()], before_body=full_disk))
        provider.close()
    assert server.received == []


def test_a_connection_left_in_the_middle_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class TimeIsUpError(Exception):
        """A job's time limit: it comes by a signal, at any moment."""

    def interrupted(smtp: smtplib.SMTP) -> tuple[int, bytes]:
        raise TimeIsUpError

    with scripted_server() as server:
        provider = plain(server.port)
        for _ in provider.send([a_message(1)], before_body=lambda message: None):
            pass
        with monkeypatch.context() as patch, pytest.raises(TimeIsUpError):
            patch.setattr(smtplib.SMTP, "getreply", interrupted)
            list(provider.send([a_message(2)], before_body=lambda message: None))
        results = send_all(provider, [a_message(3)])
    assert [result.outcome for result in results] == ["sent"]
    assert len(server.sessions) == 2


def test_an_address_beyond_ascii_fails_alone_where_smtputf8_is_not_offered() -> None:
    with scripted_server() as server:
        results = send_all(plain(server.port), [a_message(1, "jörg@example.org"), a_message(2)])
    assert [result.outcome for result in results] == ["failed", "sent"]
    assert all(command.isascii() for s in server.sessions for command in s.commands)


def test_f11_smtputf8_is_used_where_offered() -> None:
    with scripted_server(extensions=("SMTPUTF8", "8BITMIME")) as server:
        (result,) = send_all(plain(server.port), [a_message(1, "jörg@example.org")])
    assert result.outcome == "sent"
    assert server.recipients == ["jörg@example.org"]


def test_no_answer_is_trouble_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_module.connect, "__defaults__", (0.3,))
    with scripted_server(lambda line, _: SILENT) as server:
        with pytest.raises(ProviderTroubleError, match="does not answer") as caught:
            send_all(plain(server.port), [a_message()])
    assert not caught.value.permanent


def test_nobody_listening_is_trouble_in_words() -> None:
    with scripted_server() as server:
        port = server.port
    with pytest.raises(ProviderTroubleError, match="cannot be reached") as caught:
        send_all(plain(port), [a_message()])
    assert not caught.value.permanent


def test_an_unknown_host_is_permanent_trouble() -> None:
    provider = SmtpProvider(SmtpLogin("no-such-host.invalid", 25, "none"))
    with pytest.raises(ProviderTroubleError, match="no server called") as caught:
        send_all(provider, [a_message()])
    assert caught.value.permanent


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    def context() -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(made)
        return made

    monkeypatch.setattr(ssl, "create_default_context", context)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_s1_login_goes_over_tls_only(server_tls: ssl.SSLContext, security: str) -> None:
    with scripted_server(
        tls=server_tls, implicit_tls=security == "tls", extensions=("AUTH PLAIN",)
    ) as server:
        login = SmtpLogin("localhost", server.port, security, "user", "secret")
        (result,) = send_all(SmtpProvider(login), [a_message()])
    assert result.outcome == "sent"
    commands = server.sessions[0].commands
    if security == "starttls":
        auth = next(i for i, command in enumerate(commands) if command.startswith("AUTH"))
        assert commands.index("STARTTLS") < auth


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_untrusted_certificate_is_refused(server_tls: ssl.SSLContext, security: str) -> None:
    with scripted_server(
        tls=server_tls, implicit_tls=security == "tls", extensions=("AUTH PLAIN",)
    ) as server:
        login = SmtpLogin("localhost", server.port, security, "user", "secret")
        with pytest.raises(ProviderTroubleError, match="cannot be trusted") as caught:
            send_all(SmtpProvider(login), [a_message()])
    assert caught.value.permanent
    assert not any(c.startswith("AUTH") for s in server.sessions for c in s.commands)


def test_s1_no_login_is_tried_where_starttls_is_not_offered() -> None:
    with scripted_server(extensions=("AUTH PLAIN",)) as server:
        login = SmtpLogin("127.0.0.1", server.port, "starttls", "user", "secret")
        with pytest.raises(ProviderTroubleError, match="no encryption"):
            send_all(SmtpProvider(login), [a_message()])
    assert not any(c.startswith("AUTH") for s in server.sessions for c in s.commands)


def test_a_refused_login_is_permanent_and_keeps_the_servers_words() -> None:
    with scripted_server(extensions=("AUTH PLAIN",), accept_login=lambda _: False) as server:
        with pytest.raises(ProviderTroubleError, match="535 5.7.8 bad credentials") as caught:
            send_all(plain(server.port, username="u", password="p"), [a_message()])
    assert caught.value.permanent


def test_a_server_that_never_answers_a_message_gets_three_and_no_more() -> None:
    with scripted_server(lambda line, _: CLOSE if line == "<body>" else None) as server:
        provider = plain(server.port)
        results = provider.send(
            [a_message(n) for n in range(1, 8)], before_body=lambda message: None
        )
        assert [next(results).outcome for _ in range(3)] == ["unknown"] * 3
        with pytest.raises(ProviderTroubleError, match="answered none of them") as trouble:
            next(results)
        provider.close()
    assert trouble.value.permanent
    assert len(server.sessions) == 3
