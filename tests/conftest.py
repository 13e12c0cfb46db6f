"""Shared fixtures. Database tests run on SQLite and on PostgreSQL: take `app` and they do."""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from werkzeug.routing import Rule

from campaigns import migrate
from campaigns.accounts import service as accounts
from campaigns.app import create_app
from campaigns.config import Settings
from campaigns.db import Base, db, transaction
from tests import servers

# Nothing of the developer's own environment may leak into the tests.
for _name in Settings.model_fields:
    os.environ.pop(_name.upper(), None)

BACKENDS = ["sqlite", "postgresql"]
if servers.system_postgresql_bin() is not None:
    BACKENDS.append("system-postgresql")

# A password hash is dear on purpose. Tests log in thousands of times.
accounts._hasher = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)

# An app of its own for each test, thousands of them: nearly all the time of making one goes
# into compiling the same address rules again. What is compiled depends on the rule's text alone.
_compiled_rules: dict[tuple[str, bool], Any] = {}
_compile_rule = Rule._compile_builder


def _compile_rule_once(rule: Rule, append_unknown: bool = True) -> Any:
    key = (f"{rule.subdomain}|{rule.host}|{rule.rule}|{rule.defaults}", append_unknown)
    if key not in _compiled_rules:
        _compiled_rules[key] = _compile_rule(rule, append_unknown)
    return _compiled_rules[key]


Rule._compile_builder = _compile_rule_once  # type: ignore[assignment, method-assign]

SECRET_KEY = "a-key-for-tests-only-that-is-long-enough"


def settings_for_tests(data_dir: Path, **values: object) -> Settings:
    """Settings that read neither the environment nor a .env file."""
    defaults: dict[str, object] = {
        "data_dir": data_dir,
        "secret_key": SECRET_KEY,
        "public_url": "https://news.example.org",
        "redis_url": "redis://127.0.0.1:1/0",  # nobody listens: rings are lost, as in an outage
    }
    return Settings(_env_file=None, **{**defaults, **values})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with servers.running_valkey() as url:
        yield url


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """A real Valkey, emptied."""
    redis = Redis.from_url(valkey_url)
    redis.flushall()
    redis.close()
    return valkey_url


@dataclass
class Database:
    """One migrated database, given to test after test, empty each time."""

    backend: str
    url: str
    template: Path | None = None

    def empty(self, folder: Path) -> str:
        """The URL of the database, with every table empty."""
        if self.template is not None:
            copy = folder / "campaigns.sqlite3"
            shutil.copy(self.template, copy)
            return f"sqlite:///{copy}"
        # Ten times quicker than TRUNCATE, which makes new files for every table and index.
        tables = [f'DELETE FROM "{table.name}"' for table in Base.metadata.sorted_tables]
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("; ".join(tables))
            connection.execute(
                "SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences"
                " WHERE schemaname = 'public'"
            )
        return self.url


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Database]]:
    """Started on first use, kept for the whole run."""
    with ExitStack() as stack:
        yield _Databases(stack, tmp_path_factory)


class _Databases(dict[str, Database]):
    def __init__(self, stack: ExitStack, folders: pytest.TempPathFactory) -> None:
        super().__init__()
        self._stack, self._folders = stack, folders

    def __missing__(self, backend: str) -> Database:
        folder = self._folders.mktemp(backend)
        if backend == "sqlite":
            path = folder / "template.sqlite3"
            database = Database(backend, f"sqlite:///{path}", template=path)
        elif backend == "postgresql":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                url = self._stack.enter_context(servers.embedded_postgresql())
            database = Database(backend, url)
        else:
            database = Database(backend, self._stack.enter_context(servers.system_postgresql()))
        migrate.upgrade(settings_for_tests(folder, database_url=database.url))
        if database.template is not None:
            _fold_wal(database.template)
        self[backend] = database
        return database


def _fold_wal(path: Path) -> None:
    """Bring everything into the one file, so that copying it copies the database."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


PAGES = {"web", "public", "accounts", "mailbox", "cli"}
"""Tests of these speak SQL through others, which are tried on every server that is here."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Pages run on SQLite and one PostgreSQL, what speaks SQL on the system's PostgreSQL too."""
    here = Path(__file__).parent
    left_out = [
        item
        for item in items
        if "system-postgresql" in item.name and item.path.relative_to(here).parts[0] in PAGES
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


@pytest.fixture(params=BACKENDS)
def database_url(
    request: pytest.FixtureRequest, databases: dict[str, Database], tmp_path: Path
) -> str:
    return databases[request.param].empty(tmp_path)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Override in a test module to change a setting."""
    return settings_for_tests(tmp_path, database_url=database_url)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The whole app on an empty database, with its context pushed."""
    app = create_app(settings)
    app.testing = True
    app.config["WTF_CSRF_ENABLED"] = False  # tests/web/test_csrf.py turns it on again
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without a login."""
    return app.test_client()


@pytest.fixture
def owner_client(app: Flask, client: FlaskClient) -> FlaskClient:
    """A browser in which the owner is logged in."""
    from campaigns.accounts import service
    from campaigns.clock import utcnow

    with transaction():
        service.create_user("owner@example.org", "correct horse battery", now=utcnow())
    answer = client.post(
        "/login", data={"address": "owner@example.org", "password": "correct horse battery"}
    )
    assert answer.status_code == 302
    return client
