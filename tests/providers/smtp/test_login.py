"""Connecting, encrypting and logging in: errors are explained, and no secret leaks."""

import base64
import hmac
import ssl
import stat
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from campaigns.providers.base import ProviderTroubleError
from campaigns.providers.smtp import SmtpLogin, Timeouts, connect
from campaigns.providers.smtp.login import features, take_socket
from campaigns.reason import Reason
from tests.english import in_english
from tests.smtp_server import CLOSE, Script, ScriptedServer, Session, scripted_server

QUICK = Timeouts(connect=2, greeting=2, command=2)
MECHANISMS = ("AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2",)


def log_in(login: SmtpLogin) -> None:
    smtp = connect(login, QUICK)
    smtp.quit()


def refusal(login: SmtpLogin) -> ProviderTroubleError:
    with pytest.raises(ProviderTroubleError) as caught:
        log_in(login)
    return caught.value


def auth_of(server: ScriptedServer) -> list[str]:
    """The commands from AUTH on."""
    commands = [command for session in server.sessions for command in session.commands]
    found = [number for number, command in enumerate(commands) if command.startswith("AUTH")]
    return [command for command in commands[found[0] :] if command != "quit"] if found else []


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_s1_a_login_needs_tls(server_tls: ssl.SSLContext, security: str) -> None:
    with scripted_server(
        tls=server_tls, implicit_tls=security == "tls", extensions=("AUTH PLAIN",)
    ) as server:
        log_in(SmtpLogin("localhost", server.port, security, "user", "secret"))
    commands = server.sessions[0].commands
    assert "AUTH PLAIN " + coded("\0user\0secret") in commands
    if security == "starttls":
        auth = next(i for i, command in enumerate(commands) if command.startswith("AUTH"))
        assert commands.index("STARTTLS") < auth


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_untrusted_certificate_is_refused(server_tls: ssl.SSLContext, security: str) -> None:
    with scripted_server(
        tls=server_tls, implicit_tls=security == "tls", extensions=("AUTH PLAIN",)
    ) as server:
        trouble = refusal(SmtpLogin("localhost", server.port, security, "user", "secret"))
    assert "cannot be trusted" in in_english(trouble)
    assert trouble.permanent
    assert auth_of(server) == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_for_another_name_is_refused(
    server_tls: ssl.SSLContext, security: str
) -> None:
    with scripted_server(
        tls=server_tls, implicit_tls=security == "tls", extensions=("AUTH PLAIN",)
    ) as server:
        trouble = refusal(SmtpLogin("127.0.0.1", server.port, security, "user", "secret"))
    assert "cannot be trusted" in in_english(trouble)
    assert auth_of(server) == []


def test_s1_no_login_is_attempted_without_starttls() -> None:
    with scripted_server(extensions=("AUTH PLAIN",)) as server:
        trouble = refusal(SmtpLogin("127.0.0.1", server.port, "starttls", "user", "secret"))
    assert "not offer encryption" in in_english(trouble)
    assert auth_of(server) == []


@pytest.mark.usefixtures("trusted")
def test_s1_data_injected_before_tls_is_discarded(server_tls: ssl.SSLContext) -> None:
    """Plaintext that an attacker adds after the reply to STARTTLS must not answer EHLO."""

    def script(line: str, session: Session) -> str | None:
        if line == "STARTTLS":
            return "220 go ahead\r\n250-evil.example\r\n250 AUTH PLAIN"
        return None

    with scripted_server(script, tls=server_tls, extensions=("SIZE 7",)) as server:
        smtp = connect(SmtpLogin("localhost", server.port, "starttls"), QUICK)
        assert features(smtp).largest == 7
        assert not smtp.has_extn("auth")
        smtp.quit()
    assert [c.split()[0] for c in server.sessions[0].commands].count("ehlo") == 2


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ("PLAIN", ["AUTH PLAIN " + coded("\0jörg\0geheim ö")]),
        ("LOGIN", ["AUTH LOGIN", coded("jörg"), coded("geheim ö")]),
        ("PLAIN LOGIN", ["AUTH PLAIN " + coded("\0jörg\0geheim ö")]),
    ],
)
def test_mechanisms_with_non_ascii_credentials(offered: str, expected: list[str]) -> None:
    with scripted_server(login_script(), extensions=(f"AUTH {offered}",)) as server:
        log_in(SmtpLogin("127.0.0.1", server.port, "none", "jörg", "geheim ö"))
    assert auth_of(server) == expected


def login_script(refuse: str = "", code: str = "535 5.7.8 bad credentials") -> Script:
    """A script that asks twice for LOGIN, and once for CRAM-MD5 and a refused XOAUTH2."""

    def script(line: str, session: Session) -> str | None:
        words = line.split(" ")
        if words[0] == "AUTH" and words[1] == refuse:
            return code
        if line in ("AUTH LOGIN", "AUTH CRAM-MD5"):
            return "334 " + coded("<challenge@scripted.example>")
        last = session.commands[-2] if len(session.commands) > 1 else ""
        if last == "AUTH LOGIN":
            return "334 " + coded("Password:")
        if last == "AUTH CRAM-MD5" or session.commands[-3:-2] == ["AUTH LOGIN"]:
            return "235 2.7.0 ok"
        return None

    return script


def test_without_encryption_a_mechanism_that_hides_the_password_is_used() -> None:
    with scripted_server(login_script(), extensions=MECHANISMS) as server:
        log_in(SmtpLogin("127.0.0.1", server.port, "none", "user", "secret"))
    digest = hmac.new(b"secret", b"<challenge@scripted.example>", "md5").hexdigest()
    assert auth_of(server) == ["AUTH CRAM-MD5", coded(f"user {digest}")]


def test_a_refused_mechanism_is_followed_by_the_next() -> None:
    script = login_script(refuse="PLAIN", code="504 5.5.4 not here")
    with scripted_server(script, extensions=("AUTH PLAIN LOGIN",)) as server:
        log_in(SmtpLogin("127.0.0.1", server.port, "none", "user", "secret"))
    assert auth_of(server)[1:] == ["AUTH LOGIN", coded("user"), coded("secret")]


def test_a_refused_password_is_permanent_tried_once_and_quotes_the_server() -> None:
    with scripted_server(extensions=("AUTH PLAIN LOGIN",), accept_login=lambda _: False) as server:
        trouble = refusal(SmtpLogin("127.0.0.1", server.port, "none", "u", "p"))
    assert "refused the login: 535 5.7.8 bad credentials. Check the username" in in_english(trouble)
    assert trouble.permanent
    assert len(auth_of(server)) == 1


def test_a_temporarily_failed_login_is_not_permanent() -> None:
    script = login_script(refuse="PLAIN", code="454 4.7.0 later")
    with scripted_server(script, extensions=("AUTH PLAIN",)) as server:
        trouble = refusal(SmtpLogin("127.0.0.1", server.port, "none", "u", "p"))
    assert not trouble.permanent


def test_a_server_without_a_known_mechanism_has_its_own_error() -> None:
    with scripted_server(extensions=("AUTH GSSAPI NTLM",)) as server:
        trouble = refusal(SmtpLogin("127.0.0.1", server.port, "none", "u", "p"))
    assert "It offers GSSAPI, NTLM" in in_english(trouble)
    assert trouble.permanent
    with scripted_server(extensions=()) as server:
        assert "does not accept logins" in in_english(
            refusal(SmtpLogin("127.0.0.1", server.port, "none", "u", "p"))
        )


def token_login(port: int, token: Callable[[], str]) -> SmtpLogin:
    return SmtpLogin("127.0.0.1", port, "none", "me@example.org", token=token)


def test_xoauth2_requests_a_token_for_each_login() -> None:
    tokens = iter(["one", "two"])
    with scripted_server(extensions=MECHANISMS) as server:
        for _ in range(2):
            log_in(token_login(server.port, lambda: next(tokens)))
    expected = [
        "AUTH XOAUTH2 " + coded(f"user=me@example.org\x01auth=Bearer {token}\x01\x01")
        for token in ("one", "two")
    ]
    commands = [c for session in server.sessions for c in session.commands]
    assert [command for command in commands if command.startswith("AUTH")] == expected


def test_the_error_of_a_refused_token_quotes_the_last_reply() -> None:
    def script(line: str, session: Session) -> str | None:
        if line.startswith("AUTH"):
            return "334 " + coded('{"status":"400"}')
        return "535 5.7.8 token expired" if line == "" else None

    with scripted_server(script, extensions=MECHANISMS) as server:
        trouble = refusal(token_login(server.port, lambda: "old"))
    assert "535 5.7.8 token expired. Grant access again at the provider" in in_english(trouble)
    assert trouble.permanent


REVOKED = Reason("connection.token_revoked", {"host": "login.example.org", "error": "expired"})


def test_an_error_of_the_token_request_is_raised_as_it_is() -> None:
    def no_token() -> str:
        raise ProviderTroubleError(REVOKED, permanent=True)

    with scripted_server(extensions=MECHANISMS) as server:
        assert refusal(token_login(server.port, no_token)).reason == REVOKED


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_client_certificate_is_presented_and_its_file_deleted(
    server_tls: ssl.SSLContext,
    authority: trustme.CA,
    security: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def seen(context: ssl.SSLContext, file: str, **options: object) -> None:
        modes.append(stat.S_IMODE(Path(file).stat().st_mode))
        load(context, file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", seen)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server_tls)
    own = authority.issue_cert("me@example.org").private_key_and_cert_chain_pem.bytes().decode()
    with scripted_server(tls=server_tls, implicit_tls=security == "tls") as server:
        login = SmtpLogin("localhost", server.port, security, certificate=own)
        log_in(login)
        refusal(replace(login, certificate=""))
    assert modes == [0o600]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_an_invalid_client_certificate_is_permanent_trouble(text: str) -> None:
    trouble = refusal(SmtpLogin("127.0.0.1", 1, "tls", certificate=text))
    assert "client certificate" in in_english(trouble)
    assert trouble.permanent


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        ("554 5.7.1 you are blocked", "answered: 554 5.7.1 you are blocked"),
        (CLOSE, "could not be reached"),
    ],
)
def test_an_invalid_greeting(greeting: str, words: str) -> None:
    with scripted_server(lambda line, _: greeting if line == "<connect>" else None) as server:
        trouble = refusal(SmtpLogin("127.0.0.1", server.port, "none"))
    assert words in in_english(trouble)
    assert not trouble.permanent


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70 + ".example", "a..example"])
def test_an_unknown_host_is_permanent_trouble(host: str) -> None:
    trouble = refusal(SmtpLogin(host, 25, "none"))
    assert "No server named" in in_english(trouble)
    assert trouble.permanent


def test_a_port_without_tls_has_its_own_error() -> None:
    with scripted_server() as server:
        trouble = refusal(SmtpLogin("127.0.0.1", server.port, "tls"))
    assert "did not complete the TLS handshake" in in_english(trouble)


def test_a_connection_with_unexpected_data_is_refused() -> None:
    def script(line: str, session: Session) -> str | None:
        return "250 scripted.example\r\n250 stray" if line.startswith("ehlo") else None

    with scripted_server(script) as server:
        smtp = connect(SmtpLogin("127.0.0.1", server.port, "none"), QUICK)
        with pytest.raises(OSError, match="without being asked"):
            take_socket(smtp)


def test_secrets_are_not_shown() -> None:
    login = SmtpLogin(
        "h.example", 25, "none", "u", "hidden", lambda: "hidden", certificate="hidden"
    )
    assert "hidden" not in repr(login)
