"""SMTP accounts of the previous version become generic accounts and back, without any key."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns import migrate
from campaigns.accounts.workspace import save_workspace
from campaigns.app import create_app
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Delivery
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.jobs import runtime, send
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import login_of, settings_of
from campaigns.providers.smtp.login import SmtpLogin
from campaigns.secrets import SecretUnreadableError, Vault
from campaigns.throttling.models import WarmUp
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_subscriber
from tests.fresh_database import connected
from tests.fresh_database import settings as settings
from tests.smtp_server import scripted_server

BEFORE = "0018"
OLD_KEY, NEW_KEY = "the-old-key-" * 4, "the-new-key-" * 4
OLD, ROTATED, STRANGER = Vault([OLD_KEY]), Vault([NEW_KEY, OLD_KEY]), Vault(["another-key-" * 4])
EMPTY = {
    "security": "starttls", "username": "", "password": "", "auth": "password", "token_url": "",
    "token_scope": "", "client_id": "", "client_secret": "", "refresh_token": "",
    "client_certificate": "", "client_key": "",
}  # fmt: skip
SHARED = {
    "kind": "smtp", "rewrites_return_path": False, "per_second": 0, "per_day": 0, "trouble": "",
    "trouble_count": 0, "version": 7, "preset": "", "connections": 0,
}  # fmt: skip
ROWS: tuple[dict[str, Any], ...] = (
    {"id": 1, "name": "Open relay", "host": "10.0.0.9", "port": 25, "security": "none"},
    {
        "id": 2, "name": "Password", "host": "smtp.example.org", "port": 465, "security": "tls",
        "username": "relay", "password": OLD.encrypt("s3cret “pass”"), "per_second": 14,
        "per_day": 50_000, "connections": 3, "preset": "amazon-ses", "trouble": "It was away.",
    },
    {
        "id": 3, "name": "Tokens", "host": "smtp.gmail.com", "port": 587, "auth": "oauth2",
        "username": "me@example.org", "token_url": "https://login.example.org/token",
        "token_scope": "mail.send offline", "client_id": "the-app",
        "client_secret": OLD.encrypt("shh"), "refresh_token": OLD.encrypt("first"),
        "rewrites_return_path": True,
    },
    {
        "id": 4, "name": "Certificate", "host": "mx.example.org", "port": 587,
        "client_certificate": "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n",
        "client_key": OLD.encrypt("the key"),
    },
)  # fmt: skip


def as_before(row: dict[str, Any]) -> dict[str, Any]:
    """All columns of a row of the previous version, except times."""
    return {"public_id": f"account-{row['id']:04}", **SHARED, **EMPTY, **row}


@pytest.fixture
def before(settings: Settings) -> Settings:
    """A database of the previous version, with an account for each way to log in."""
    migrate.upgrade(settings, BEFORE)
    with connected(settings) as connection:
        table = sa.Table("provider_account", sa.MetaData(), autoload_with=connection)
        for row in ROWS:
            connection.execute(sa.insert(table).values(**as_before(row), created_at=utcnow()))
        warm_up = {"provider_id": 2, "mailbox_group": ""}
        columns = sa.Table("warm_up", sa.MetaData(), autoload_with=connection)
        for column in columns.c:
            if column.name not in warm_up and not column.nullable and column.server_default is None:
                kind = column.type.python_type
                warm_up[column.name] = utcnow() if kind.__name__ == "datetime" else kind()
        connection.execute(sa.insert(columns).values(**warm_up))
    return settings


def stored_before(settings: Settings) -> list[dict[str, Any]]:
    with connected(settings) as connection:
        table = sa.Table("provider_account", sa.MetaData(), autoload_with=connection)
        rows = connection.execute(sa.select(table).order_by(table.c.id)).mappings()
        return [{name: row[name] for name in as_before(ROWS[0])} for row in rows]


def accounts_in(settings: Settings) -> list[ProviderAccount]:
    with create_app(settings).app_context():
        found = db.session.scalars(sa.select(ProviderAccount).order_by(ProviderAccount.id)).all()
        assert db.session.scalar(sa.select(WarmUp.provider_id)) == 2
        db.session.expunge_all()
        db.session.remove()
        db.engine.dispose()
        return list(found)


def test_every_way_to_log_in_survives_with_its_secrets(before: Settings) -> None:
    migrate.upgrade(before)
    relay, password, tokens, certificate = accounts_in(before)
    logins: list[SmtpLogin] = [
        login_of(account, ROTATED) for account in (relay, password, tokens, certificate)
    ]
    assert [(login.where, login.security) for login in logins] == [
        ("10.0.0.9:25", "none"),
        ("smtp.example.org:465", "tls"),
        ("smtp.gmail.com:587", "starttls"),
        ("mx.example.org:587", "starttls"),
    ]
    assert [login.password for login in logins] == ["", "s3cret “pass”", "", ""]
    assert [login.token is not None for login in logins] == [False, False, True, False]
    assert logins[3].certificate.endswith("-----END CERTIFICATE-----\nthe key")
    assert settings_of(relay).model_dump()["unencrypted_ok"]
    assert (password.per_second, password.per_day, password.connections) == (14, 50_000, 3)
    assert (password.preset, password.trouble, password.version) == (
        "amazon-ses",
        "It was away.",
        7,
    )
    assert tokens.rewrites_return_path


def test_no_secret_is_ever_in_the_clear_and_no_key_is_needed(before: Settings) -> None:
    migrate.upgrade(before)
    accounts = accounts_in(before)
    assert [set(account.credentials) for account in accounts] == [
        set(), {"password"}, {"client_secret", "refresh_token"}, {"client_key"},
    ]  # fmt: skip
    for account, row in zip(accounts, ROWS, strict=True):
        assert all(row[name] == stored for name, stored in account.credentials.items())
    with pytest.raises(SecretUnreadableError):
        login_of(accounts[1], STRANGER)
    assert login_of(accounts[0], STRANGER).where == "10.0.0.9:25"


def test_the_downgrade_restores_what_the_previous_version_had(before: Settings) -> None:
    there = stored_before(before)
    migrate.upgrade(before)
    migrate.downgrade(before, BEFORE)
    assert stored_before(before) == there == [as_before(row) for row in ROWS]
    with connected(before) as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(sa.text("UPDATE provider_account SET security = 'maybe'"))
    migrate.upgrade(before)
    assert [account.name for account in accounts_in(before)] == [row["name"] for row in ROWS]


def test_the_downgrade_is_refused_while_an_account_of_another_kind_exists(
    before: Settings,
) -> None:
    migrate.upgrade(before)
    with connected(before) as connection:
        connection.execute(sa.text("UPDATE provider_account SET kind = 'ses' WHERE id = 1"))
    with pytest.raises(RuntimeError, match="SMTP accounts only"):
        migrate.downgrade(before, BEFORE)
    assert len(accounts_in(before)) == len(ROWS), "nothing was changed"


@contextmanager
def working(settings: Settings) -> Iterator[Flask]:
    """The app of a worker, which releases everything at the end."""
    app = create_app(settings)
    with app.app_context():
        runtime.use(app)
        yield app
        runtime.close_engine()
        db.session.remove()
        db.engine.dispose()


def send_until(sent: int, seconds: float = 20) -> None:
    """Run slices until this many emails are sent."""
    end = time.monotonic() + seconds
    query = sa.select(sa.func.count(Delivery.id)).where(Delivery.status == "sent")
    while db.session.scalar(query) != sent and time.monotonic() < end:
        db.session.rollback()
        send.send()
    assert db.session.scalar(query) == sent


def test_a_campaign_in_progress_continues_after_the_upgrade(
    settings: Settings, redis_url: str
) -> None:
    settings = settings.model_copy(update={"redis_url": redis_url})
    migrate.upgrade(settings)
    is_open = False

    def script(line: str, _: object) -> str | None:
        is_late = line.startswith("RCPT") and line[9:12] in {"p6@", "p7@", "p8@", "p9@"}
        return "451 4.3.2 not now" if is_late and not is_open else None

    people = [f"p{number}@example.org" for number in range(1, 10)]
    with scripted_server(script, extensions=("AUTH PLAIN",)) as server:
        with working(settings):
            vault = services().vault
            with transaction():
                save_workspace(name="Example", postal_address="1 Example Street")
                news = a_list()
                for address in people:
                    a_subscriber(address, news)
                login = {"username": "relay", "password": vault.encrypt("s3cret")}
                sender = a_sender(provider=a_provider(port=server.port, **login))
                campaign_id = a_campaign(news, sender=sender).id
                lifecycle.launch(campaign_id, at=None, undo_seconds=0, now=utcnow())
            send.expand(campaign_id)
            send_until(sent=5)
        migrate.downgrade(settings, BEFORE)  # a directory as the previous version leaves it
        with connected(settings) as connection:
            row = connection.execute(sa.text("SELECT username, port FROM provider_account")).one()
            assert tuple(row) == ("relay", server.port)
        migrate.upgrade(settings)
        is_open = True
        before = len(server.sessions)
        with working(settings):
            with transaction():
                db.session.execute(sa.update(Delivery).values(not_before=None))
            send_until(sent=9)
    # Any of the new ones: the last may have opened when there was nothing left to send.
    commands = [line for session in server.sessions[before:] for line in session.commands]
    assert any("AUTH PLAIN" in line for line in commands)
    assert sorted(server.recipients) == people, "everyone once"
