"""Accounts that log in with OAuth 2 or a client certificate: what may be saved."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.inputs import InvalidInputError
from campaigns.providers import accounts, certificates
from campaigns.providers.accounts import AccountInput, NotInDemoError
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import login_of, secrets_of
from campaigns.providers.smtp import oauth
from campaigns.providers.smtp.kind import SmtpSettings, grant_of
from campaigns.secrets import Vault
from tests.english import in_english
from tests.factories import a_provider

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
Form = dict[str, str]
TOKENS: Form = {
    "name": "Relay",
    "host": "smtp.example.org",
    "port": "587",
    "username": "me@example.org",
    "auth": "oauth2",
    "token_url": "https://login.example.org/token",
    "token_scope": " mail.send   offline ",
    "client_id": "the-app",
    "client_secret": "shh",
    "refresh_token": " first\n",
}
STORED: Form = {**TOKENS, "client_secret": "", "refresh_token": ""}
PLAIN: Form = {"name": "Relay", "host": "smtp.example.org", "port": "587", "security": "starttls"}


def changed(form: Form, **values: str) -> Form:
    return {**form, **values}


def read(form: Form, *forget: str) -> AccountInput:
    return AccountInput.read(form, forget=forget)


def vault() -> Vault:
    return services().vault


def saved(form: Form) -> ProviderAccount:
    with transaction():
        return accounts.create(read(form), vault(), now=NOW)


def problems(form: Form, account: ProviderAccount | None = None) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught, transaction():
        if account is None:
            accounts.create(read(form), vault(), now=NOW)
        else:
            accounts.change(account, read(form), vault())
    return {field: in_english(problem) for field, problem in caught.value.problems.items()}


def change(account: ProviderAccount, form: Form, *forget: str) -> None:
    with transaction():
        accounts.change(account, read(form, *forget), vault())


def the_grant(account: ProviderAccount) -> oauth.OAuthGrant | None:
    settings = SmtpSettings.model_validate(account.settings)
    return grant_of(settings, secrets_of(account, vault()))


def test_the_secrets_are_stored_encrypted(app: Flask) -> None:
    account = saved(changed(TOKENS, password="not-used"))
    assert set(account.credentials) == {"client_secret", "refresh_token"}
    stored = str({**account.settings, **account.credentials})
    assert not any(secret in stored for secret in ("shh", "first", "not-used"))
    grant = the_grant(account)
    assert grant == oauth.OAuthGrant(
        "https://login.example.org/token", "the-app", "shh", "first", "mail.send offline"
    )
    assert login_of(account, vault()).token is not None


def test_changing_the_login_method_deletes_the_old_secrets(app: Flask) -> None:
    account = saved(TOKENS)
    change(account, changed(PLAIN, username="me@example.org", password="word"))
    assert (set(account.credentials), account.settings["token_url"]) == ({"password"}, "")
    assert login_of(account, vault()).password == "word"
    assert "refresh_token" in problems(STORED, account)
    change(account, TOKENS)
    assert "password" not in account.credentials


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token_url", "http://login.example.org/token"),
        ("token_url", ""),
        ("client_id", " "),
        ("client_id", "é"),
        ("client_secret", "a\r\nb"),
        ("refresh_token", ""),
        ("refresh_token", "x" * 20_000),
        ("token_scope", "ö"),
        ("username", ""),
        ("security", "none"),
    ],
)
def test_an_invalid_value_is_refused_at_its_field(app: Flask, field: str, value: str) -> None:
    assert set(problems(changed(TOKENS, **{field: value}))) == {field}


def test_an_application_without_a_secret_is_accepted(app: Flask) -> None:
    assert set(saved(changed(TOKENS, client_secret="")).credentials) == {"refresh_token"}


def test_stored_secrets_are_kept_for_the_same_servers(app: Flask) -> None:
    account = saved(TOKENS)
    change(account, changed(STORED, per_day="5", name="Another name"))
    grant = the_grant(account)
    assert grant is not None
    assert (grant.client_secret, grant.refresh_token) == ("shh", "first")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "smtp.evil.example"),
        ("username", "other@example.org"),
        ("port", "2525"),
        ("security", "tls"),
        ("token_url", "https://evil.example/token"),
        ("client_id", "another"),
    ],
)
def test_stored_secrets_go_to_no_other_server(app: Flask, field: str, value: str) -> None:
    account = saved(TOKENS)
    typed = changed(STORED, **{field: value})
    assert set(problems(typed, account)) == {"refresh_token"}
    assert set(problems(changed(typed, refresh_token="new"), account)) == {"client_secret"}
    with pytest.raises(InvalidInputError):
        accounts.connection_test(read(typed), account, vault())
    change(account, changed(typed, refresh_token="new", client_secret="new"))


def test_a_renewed_refresh_token_is_stored(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    account = saved(TOKENS)
    assert not accounts.has_renewed(account, vault())
    monkeypatch.setattr(oauth, "newest_refresh_token", lambda grant: "second")
    assert accounts.has_renewed(account, vault())
    version = account.version
    with transaction():
        accounts.keep_renewed(account, vault())
    assert vault().decrypt(account.credentials["refresh_token"]) == "second"
    assert account.version == version, "open connections are kept"


# --- certificates -------------------------------------------------------------------------------


class Certificate:
    """A certificate, and its key, from a test authority."""

    def __init__(self, name: str = "me@example.org", **options: Any) -> None:
        issued = trustme.CA().issue_cert(name, **options)
        self.certificate = b"".join(blob.bytes() for blob in issued.cert_chain_pems).decode()
        self.key = issued.private_key_pem.bytes().decode()


def test_a_certificate_is_stored_with_its_key_encrypted(app: Flask) -> None:
    made = Certificate(common_name="Relay 1")
    account = saved(changed(PLAIN, client_certificate=made.certificate, client_key=made.key))
    assert "BEGIN CERTIFICATE" in account.settings["client_certificate"]
    assert "PRIVATE KEY" not in str({**account.settings, **account.credentials})
    shown = certificates.shown(account.settings["client_certificate"])
    assert shown is not None
    assert shown.name == "Relay 1"
    assert shown.ends_at.tzinfo is not None
    login = login_of(account, vault())
    assert login.certificate.count("BEGIN CERTIFICATE") == made.certificate.count("BEGIN")
    assert login.certificate.count("BEGIN PRIVATE KEY") == 1
    change(account, changed(PLAIN, per_day="5"))
    assert login_of(account, vault()).certificate == login.certificate
    change(account, PLAIN, "client_key")
    assert login_of(account, vault()).certificate == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "smtp.evil.example"), ("port", "2525"), ("security", "tls"), ("username", "me")],
)
def test_a_stored_key_goes_to_no_other_server(app: Flask, field: str, value: str) -> None:
    made = Certificate()
    account = saved(changed(PLAIN, client_certificate=made.certificate, client_key=made.key))
    typed = changed(PLAIN, **{field: value}, password="new" if field == "username" else "")
    assert set(problems(typed, account)) == {"client_certificate"}
    with pytest.raises(InvalidInputError):
        accounts.connection_test(read(typed), account, vault())
    change(account, typed, "client_key")


def test_certificate_and_key_may_be_in_one_field(app: Flask) -> None:
    made = Certificate()
    account = saved(changed(PLAIN, client_certificate=f"Bag\n{made.key}{made.certificate}"))
    assert "PRIVATE" not in account.settings["client_certificate"]
    assert "PRIVATE KEY" in login_of(account, vault()).certificate


def test_a_certificate_and_a_key_that_do_not_match(app: Flask) -> None:
    one, other = Certificate("one.example"), Certificate("other.example")
    typed = changed(PLAIN, client_certificate=one.certificate, client_key=other.key)
    assert "does not belong to the certificate of one.example" in problems(typed)["client_key"]


def test_a_key_with_a_password(app: Flask) -> None:
    made = Certificate()
    key = serialization.load_pem_private_key(made.key.encode(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"word"),
    ).decode()
    typed = changed(PLAIN, client_certificate=made.certificate, client_key=locked)
    assert "protected by a password" in problems(typed)["client_key"]


@pytest.mark.parametrize(
    ("certificate", "key", "field"),
    [
        ("nonsense", "", "client_certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "", "client_certificate"),
        ("", "-----BEGIN PRIVATE KEY-----", "client_certificate"),
        ("made", "nonsense", "client_key"),
        ("made", "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----", "client_key"),
        ("made", "", "client_key"),
    ],
)
def test_an_invalid_certificate_or_key(app: Flask, certificate: str, key: str, field: str) -> None:
    text = Certificate().certificate if certificate == "made" else certificate
    assert set(problems(changed(PLAIN, client_certificate=text, client_key=key))) == {field}


def test_a_certificate_needs_tls(app: Flask) -> None:
    made = Certificate()
    typed = changed(
        PLAIN, host="127.0.0.1", security="none",
        client_certificate=made.certificate, client_key=made.key,
    )  # fmt: skip
    assert set(problems(typed)) == {"security"}


def test_an_expired_certificate_can_be_viewed() -> None:
    ended = Certificate(not_after=NOW - timedelta(days=3000))
    shown = certificates.shown(ended.certificate)
    assert shown is not None
    assert shown.ends_at == NOW - timedelta(days=3000)
    assert certificates.shown("") is None
    assert certificates.shown("-----BEGIN CERTIFICATE-----") is None


def test_the_demo_keeps_no_certificate(app: Flask) -> None:
    made = Certificate()
    with transaction():
        save_workspace(demo=True)
        a_provider("Relay")
    account = db.session.query(ProviderAccount).one()
    typed = {"name": "Relay", "host": "127.0.0.1", "port": "2525", "security": "none"}
    with pytest.raises(NotInDemoError):
        change(account, typed, "client_key")
    added = {"client_certificate": made.certificate, "client_key": made.key}
    with pytest.raises((NotInDemoError, InvalidInputError)):
        change(account, {**typed, **added})
    assert account.settings["client_certificate"] == ""
