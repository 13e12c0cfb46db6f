"""A refresh token that changed while sending is stored by the next slice."""

import pytest
from flask import Flask

from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.engine.provider_pool import keep_renewed_secrets
from campaigns.providers.models import ProviderAccount
from campaigns.providers.smtp import oauth
from tests.factories import a_provider


@pytest.mark.parametrize("auth", ["oauth2", "password"])
def test_a_renewed_refresh_token_is_stored(
    app: Flask, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    vault = services().vault
    with transaction():
        account = a_provider(
            username="me@example.org",
            auth=auth,
            token_url="https://login.example.org/token",
            client_id="the-app",
            refresh_token=vault.encrypt("first"),
        )
    keep_renewed_secrets(account)
    assert vault.decrypt(account.credentials["refresh_token"]) == "first"
    monkeypatch.setattr(oauth, "newest_refresh_token", lambda grant: "second")
    keep_renewed_secrets(account)
    db.session.expire_all()
    stored = db.session.query(ProviderAccount).one()
    assert vault.decrypt(stored.credentials["refresh_token"]) == (
        "second" if auth == "oauth2" else "first"
    )
