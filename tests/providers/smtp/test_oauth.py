"""Access tokens are requested once and cached; errors are explained, and no secret leaks."""

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from campaigns.providers import outgoing
from campaigns.providers.base import ProviderTroubleError
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import check_connection, open_provider
from campaigns.providers.smtp import SmtpLogin, SmtpProvider, oauth
from campaigns.providers.smtp.check import check_login
from campaigns.providers.smtp.kind import SmtpKind, SmtpSettings
from campaigns.providers.smtp.oauth import OAuthGrant
from campaigns.secrets import Vault
from tests.english import in_english
from tests.smtp_server import scripted_server
from tests.token_endpoint import Answer, error, ok, serving


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    oauth.forget_all()
    yield
    oauth.forget_all()


@pytest.fixture
def allowed(trusted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow the endpoint on loopback, like that of a known provider."""
    monkeypatch.setattr(oauth, "KNOWN_HOSTS", frozenset({"localhost"}))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]
    monkeypatch.setattr(oauth, "running_seconds", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def refusal(grant: OAuthGrant) -> ProviderTroubleError:
    with pytest.raises(ProviderTroubleError) as caught:
        oauth.access_token(grant)
    for secret in ("shh", "first"):
        assert secret not in in_english(caught.value)
    return caught.value


@pytest.mark.usefixtures("allowed")
def test_a_token_is_requested_as_the_standard_says(server_tls: ssl.SSLContext) -> None:
    with serving(server_tls, ok()) as endpoint:
        assert oauth.access_token(endpoint.grant(scope="mail.send offline")) == "token-1"
    assert endpoint.asked == [
        {
            "path": "/token?v=2",
            "grant_type": "refresh_token",
            "client_id": "the-app",
            "client_secret": "shh",
            "refresh_token": "first",
            "scope": "mail.send offline",
        }
    ]


@pytest.mark.usefixtures("allowed")
def test_a_token_is_cached_until_shortly_before_it_expires(
    server_tls: ssl.SSLContext, clock: Callable[[float], None]
) -> None:
    with serving(server_tls, ok(), ok(access_token="token-2")) as endpoint:
        grant = endpoint.grant()
        assert oauth.access_token(grant) == "token-1"
        clock(3600 - oauth.ASK_AGAIN_BEFORE - 1)
        assert oauth.access_token(grant) == "token-1"
        clock(2)
        assert oauth.access_token(grant) == "token-2"
        oauth.refuse(grant)
        oauth.access_token(grant)
    assert len(endpoint.asked) == 3


@pytest.mark.usefixtures("allowed")
def test_many_connections_request_one_token(server_tls: ssl.SSLContext) -> None:
    with serving(server_tls, ok()) as endpoint:
        grant = endpoint.grant()
        threads = [threading.Thread(target=oauth.access_token, args=(grant,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(endpoint.asked) == 1


@pytest.mark.usefixtures("allowed")
def test_a_renewed_refresh_token_is_used_from_then_on(
    server_tls: ssl.SSLContext, clock: Callable[[float], None]
) -> None:
    answers = [ok(refresh_token="second"), ok(refresh_token="third"), ok()]
    with serving(server_tls, *answers) as endpoint:
        before = endpoint.grant()
        oauth.access_token(before)
        after = endpoint.grant(refresh_token=oauth.newest_refresh_token(before))
        oauth.access_token(after)
        assert len(endpoint.asked) == 1, "it is still the same account"
        clock(3600)
        oauth.access_token(before)
        assert oauth.newest_refresh_token(after) == "third"
    assert [form["refresh_token"] for form in endpoint.asked] == ["first", "second"]


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("answer", "words", "permanent"),
    [
        (error(400, error="invalid_grant"), "invalid_grant. Grant access again", True),
        (
            error(400, error="invalid_grant", error_description="Token shh first\r\nrevoked."),
            "Token … … revoked. Grant access again",
            True,
        ),
        (error(401, error="invalid_client"), "Check the client ID and client secret", True),
        (error(404), "HTTP 404", True),
        (error(503), "HTTP 503", False),
        (error(429, error="slow_down"), "slow_down", False),
        (error(400, error="temporarily_unavailable"), "temporarily_unavailable", False),
        ((302, {"Location": "https://localhost/else"}, b""), "It redirects elsewhere", True),
        ((200, {}, b"<html>"), "HTTP 200", True),
        ((200, {}, b"[1]"), "HTTP 200", True),
        (ok(access_token="evil\r\nQUIT"), "HTTP 200", True),
        (ok(access_token=""), "HTTP 200", True),
    ],
)
def test_a_refusal_is_explained(
    server_tls: ssl.SSLContext, answer: Answer, words: str, permanent: bool
) -> None:
    with serving(server_tls, answer) as endpoint:
        trouble = refusal(endpoint.grant())
    assert in_english(trouble).startswith("localhost did not issue an access token: ")
    assert words in in_english(trouble)
    assert trouble.permanent == permanent
    assert len(endpoint.asked) == 1, "no redirect is followed"


@pytest.mark.usefixtures("trusted")
def test_a_private_address_is_not_contacted(server_tls: ssl.SSLContext) -> None:
    with serving(server_tls, ok()) as endpoint:
        trouble = refusal(endpoint.grant())
    assert "private network" in in_english(trouble)
    assert trouble.permanent
    assert endpoint.asked == []


def test_an_untrusted_certificate_gets_no_secret(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "KNOWN_HOSTS", frozenset({"localhost"}))
    with serving(server_tls, ok()) as endpoint:
        trouble = refusal(endpoint.grant())
    assert "cannot be trusted" in in_english(trouble)
    assert endpoint.asked == []


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("drips", [False, True])
def test_a_silent_endpoint_times_out(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, drips: bool
) -> None:
    monkeypatch.setattr(outgoing, "STEP_SECONDS", 0.4)
    monkeypatch.setattr(outgoing, "WHOLE_SECONDS", 0.8)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            raw, _ = listener.accept()
            try:
                with server_tls.wrap_socket(raw, server_side=True) as stream:
                    while not stop.wait(0.1):
                        stream.sendall(b"H" if drips else b"")
            except OSError:
                pass  # the client has hung up

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        trouble = refusal(OAuthGrant(f"https://localhost:{port}/", "the-app", "shh", "first"))
        stop.set()
        thread.join(3)
    assert "did not answer" in in_english(trouble)
    assert not trouble.permanent


@pytest.mark.parametrize(
    "url",
    ["", "http://login.example/token", "login.example", "https://", "https://a:b@login.example/",
     "https://login.example:99999/", "https://login.example/#x", "https://login.example/a b",
     "file:///etc/passwd", "https://lögin.example/", "https://[::1/"],
)  # fmt: skip
def test_only_plain_https_urls_are_accepted(url: str) -> None:
    assert outgoing.why_not_usable(url)
    assert not outgoing.why_not_usable("https://login.example:8443/a/token?b=c")


def xoauth2(token: str) -> str:
    text = f"user=me@example.org\x01auth=Bearer {token}\x01\x01"
    return "AUTH XOAUTH2 " + base64.b64encode(text.encode()).decode()


def settings_with(grant: OAuthGrant, port: int) -> SmtpSettings:
    return SmtpSettings(
        host="127.0.0.1", port=port, security="none", username="me@example.org", auth="oauth2",
        token_url=grant.token_url, client_id=grant.client_id, token_scope=grant.scope,
    )  # fmt: skip


def login_with(grant: OAuthGrant, port: int) -> SmtpLogin:
    secrets = {"client_secret": grant.client_secret, "refresh_token": grant.refresh_token}
    return SmtpKind().login(settings_with(grant, port), secrets)


@pytest.mark.usefixtures("allowed")
def test_testing_an_account_logs_in_with_a_token(server_tls: ssl.SSLContext) -> None:
    with (
        serving(server_tls, ok()) as endpoint,
        scripted_server(extensions=("AUTH XOAUTH2",)) as server,
    ):
        login = login_with(endpoint.grant(), server.port)
        result = check_login(login)
    assert result.ok, in_english(*result.reasons)
    assert "Logged in as me@example.org" in in_english(*result.reasons)
    assert xoauth2("token-1") in server.sessions[0].commands


@pytest.mark.usefixtures("allowed")
def test_a_token_that_is_refused_is_not_used_again(server_tls: ssl.SSLContext) -> None:
    with (
        serving(server_tls, ok(), ok(access_token="token-2")) as endpoint,
        scripted_server(
            extensions=("AUTH XOAUTH2",), accept_login=lambda line: line == xoauth2("token-2")
        ) as server,
    ):
        login = login_with(endpoint.grant(), server.port)
        first, second = check_login(login), check_login(login)
    assert "Grant access again at the provider" in in_english(*first.reasons)
    assert second.ok


@pytest.mark.usefixtures("allowed")
def test_a_stored_account_uses_its_tokens(server_tls: ssl.SSLContext) -> None:
    vault = Vault(["k" * 40])
    with (
        serving(server_tls, ok()) as endpoint,
        scripted_server(extensions=("AUTH XOAUTH2",)) as server,
    ):
        grant = endpoint.grant()
        account = ProviderAccount(
            kind="smtp",
            settings=settings_with(grant, server.port).model_dump(),
            credentials={
                "client_secret": vault.encrypt("shh"), "refresh_token": vault.encrypt("first"),
            },
            messages_per_connection=0,
        )  # fmt: skip
        assert check_connection(account, vault).ok
        provider = open_provider(account, vault)
        assert isinstance(provider, SmtpProvider)
        login = provider._login
        assert login.token is not None
        assert login.token() == "token-1"
    assert len(endpoint.asked) == 1
    assert "shh" not in repr(login) + repr(grant)
