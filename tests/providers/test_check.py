"""The connection test against real faulty servers: errors are explained."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from campaigns.providers.base import CheckResult
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import check_connection
from campaigns.providers.smtp import SmtpLogin, check
from campaigns.providers.smtp.check import check_login
from campaigns.reason import Reason
from campaigns.secrets import Vault
from tests.english import in_english
from tests.smtp_server import CLOSE, SILENT, scripted_server


def try_unencrypted(
    port: int, sender: str = "", username: str = "", password: str = ""
) -> CheckResult:
    login = SmtpLogin("127.0.0.1", port, "none", username, password)
    return check_login(login, sender=sender)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "STEP_SECONDS", 0.3)
    monkeypatch.setattr(check, "WHOLE_SECONDS", 1.0)


def test_a_good_server_is_described() -> None:
    with scripted_server(extensions=("SIZE 35882577", "SMTPUTF8")) as server:
        result = try_unencrypted(server.port)
    assert result.ok
    assert in_english(*result.reasons) == (
        f"Connected to 127.0.0.1:{server.port} without encryption."
        " Not logged in, as the account has no username."
        " Messages can be up to 34 MB. Addresses can be in any script."
    )
    assert server.received == [], "nothing was sent"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encryption_and_login_are_named(server_tls: ssl.SSLContext, security: str) -> None:
    with scripted_server(
        tls=server_tls, implicit_tls=security == "tls", extensions=("AUTH PLAIN",)
    ) as server:
        login = SmtpLogin("localhost", server.port, security, "relay", "secret")
        result = check_login(login)
    assert result.ok, in_english(*result.reasons)
    assert "encrypted with TLS 1.3. Logged in as relay." in in_english(*result.reasons)
    assert "secret" not in in_english(*result.reasons)


def test_a_name_that_does_not_exist() -> None:
    result = check_login(SmtpLogin("smtp.nowhere.invalid", 587, "starttls"))
    assert not result.ok
    assert "No server named smtp.nowhere.invalid" in in_english(*result.reasons)


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = try_unencrypted(port)
    assert not result.ok
    assert f"Port {port} at 127.0.0.1 refused the connection" in in_english(*result.reasons)


@pytest.mark.usefixtures("short")
def test_a_silent_server() -> None:
    with scripted_server(lambda line, _: SILENT if line == "<connect>" else None) as server:
        result = try_unencrypted(server.port)
    assert not result.ok
    assert "did not answer" in in_english(*result.reasons)


@pytest.fixture
def dripping_port() -> Iterator[int]:
    """A server that sends single bytes and never a whole line."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            raw, _ = listener.accept()
            with raw:
                while not stop.wait(0.05):
                    raw.sendall(b"2")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        stop.set()
        thread.join(2)


@pytest.mark.usefixtures("short")
def test_a_server_that_drips_bytes_times_out(dripping_port: int) -> None:
    begun = time.monotonic()
    result = try_unencrypted(dripping_port)
    assert time.monotonic() - begun < 20
    assert not result.ok
    assert "did not finish answering within" in in_english(*result.reasons)


def test_a_server_without_starttls_gets_no_password() -> None:
    with scripted_server(extensions=("AUTH PLAIN",)) as server:
        login = SmtpLogin("127.0.0.1", server.port, "starttls", "relay", "secret")
        result = check_login(login)
    assert not result.ok
    assert "does not offer encryption (STARTTLS)" in in_english(*result.reasons)
    assert not any("AUTH" in command for command in server.sessions[0].commands)


def test_a_certificate_of_an_unknown_authority_gets_no_password(
    server_tls: ssl.SSLContext,
) -> None:
    with scripted_server(tls=server_tls, extensions=("AUTH PLAIN",)) as server:
        login = SmtpLogin("localhost", server.port, "starttls", "relay", "secret")
        result = check_login(login)
    assert not result.ok
    assert "cannot be trusted" in in_english(*result.reasons)
    assert not any("AUTH" in command for command in server.sessions[0].commands)


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name(server_tls: ssl.SSLContext) -> None:
    with scripted_server(tls=server_tls) as server:
        result = check_login(SmtpLogin("127.0.0.1", server.port, "starttls"))
    assert not result.ok
    assert "cannot be trusted" in in_english(*result.reasons)


def test_tls_to_a_port_without_tls() -> None:
    with scripted_server() as server:
        result = check_login(SmtpLogin("127.0.0.1", server.port, "tls"))
    assert not result.ok
    assert "Port 587 usually needs STARTTLS, and port 465 TLS" in in_english(*result.reasons)


def test_a_refused_login_quotes_the_server() -> None:
    with scripted_server(extensions=("AUTH PLAIN",), accept_login=lambda _: False) as server:
        result = try_unencrypted(server.port, username="relay", password="wrong")
    assert not result.ok
    assert "refused the login: 535 5.7.8 bad credentials" in in_english(*result.reasons)


def test_a_refused_login_at_gmail_says_what_to_do() -> None:
    refusal = Reason("connection.login_refused", {"where": "smtp.gmail.com:587", "reply": "535"})
    silence = Reason("connection.no_answer", {"where": "smtp.gmail.com:587"})
    gmail = SmtpLogin("smtp.gmail.com", 587, "starttls", "me@gmail.com", "x")
    assert "app password" in in_english(*check._hints(gmail, refusal))
    assert not list(check._hints(gmail, silence))
    assert not list(check._hints(SmtpLogin("notgmail.com", 587, "starttls"), refusal))


def test_a_server_without_logins() -> None:
    with scripted_server() as server:
        result = try_unencrypted(server.port, username="relay", password="x")
    assert not result.ok
    assert "does not accept logins" in in_english(*result.reasons)


def test_a_refused_sender() -> None:
    def script(line: str, _: object) -> str | None:
        return "553 5.7.1 not your address" if line.startswith("MAIL FROM") else None

    with scripted_server(script) as server:
        result = try_unencrypted(server.port, sender="news@example.org")
    assert not result.ok
    assert in_english(*result.reasons).startswith("Connected to ")
    assert "refuses news@example.org as the sender: 553 5.7.1 not your address" in in_english(
        *result.reasons
    )


def test_an_accepted_sender_is_reset() -> None:
    with scripted_server() as server:
        assert try_unencrypted(server.port, sender="news@example.org").ok
    assert [line.split(" ")[0].upper() for line in server.sessions[0].commands][-2:] == [
        "RSET",
        "QUIT",
    ]


def test_a_server_that_hangs_up() -> None:
    def script(line: str, _: object) -> str | None:
        return CLOSE if line.startswith("MAIL FROM") else None

    with scripted_server(script) as server:
        result = try_unencrypted(server.port, sender="news@example.org")
    assert not result.ok
    assert "closed the connection" in in_english(*result.reasons)


@pytest.mark.parametrize(
    "greeting", ["554 no\x1b[31m\x07service", "SSH-2.0-OpenSSH_9.2", "554 " + "x" * 3000]
)
def test_only_one_clean_line_of_any_answer_is_shown(greeting: str) -> None:
    with scripted_server(lambda line, _: greeting if line == "<connect>" else None) as server:
        result = try_unencrypted(server.port)
    assert not result.ok
    assert in_english(*result.reasons).isprintable()
    assert len(in_english(*result.reasons)) < 700


def test_a_stored_account_is_tested_with_its_password() -> None:
    vault = Vault(["k" * 40])
    seen: list[str] = []
    account = ProviderAccount(
        kind="smtp",
        settings={"host": "127.0.0.1", "security": "none", "username": "relay"},
        credentials={"password": vault.encrypt("s3cret")},
    )

    def note(line: str) -> bool:
        seen.append(line)
        return True

    with scripted_server(extensions=("AUTH PLAIN",), accept_login=note) as server:
        account.settings = {**account.settings, "port": server.port}
        assert check_connection(account, vault).ok
    assert seen
    lost = check_connection(account, Vault(["another" * 6]))
    assert not lost.ok
    assert "Enter the password again" in in_english(*lost.reasons)
