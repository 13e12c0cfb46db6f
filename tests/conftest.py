"""Shared fixtures. Tests that take `app` run on an empty database: see EDGES for which ones."""

import logging
import os
import random
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from argon2 import PasswordHasher
from flask import Flask, session
from flask.testing import FlaskClient
from hypothesis import settings as property_tests
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from redis import Redis
from werkzeug.test import TestResponse

from campaigns import migrate
from campaigns.accounts import users
from campaigns.accounts.models import User
from campaigns.accounts.workspace import save_workspace
from campaigns.app import create_app
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import Base, db, transaction
from campaigns.engine.restore_guard import FileMark, Guard
from campaigns.jobs import runtime
from campaigns.outages import outages
from campaigns.web import login
from tests import reuse, servers

# The developer's environment must not leak into the tests.
for _name in Settings.model_fields:
    os.environ.pop(_name.upper(), None)

BACKENDS = ["sqlite", "postgresql"]
if os.environ.get("SYSTEM_POSTGRESQL"):  # set by `make test-system-postgresql`
    BACKENDS.append("system-postgresql")

# Generated input is the same in every run, so that a change is judged by what it changed.
# `--hypothesis-profile=default` tries other input.
property_tests.register_profile("same_input", derandomize=True)
property_tests.load_profile("same_input")

# A password hash is slow on purpose, and tests log in thousands of times.
REAL_HASHER, HASH_OF_NOBODY = users._hasher, users._NOBODY
users._hasher = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)
users._NOBODY = users._hasher.hash("nobody")

reuse.install()

NO_REDIS = "redis://127.0.0.1:1/0"
SECRET_KEY = "a-key-for-tests-only-that-is-long-enough"


class _GivenSettings(Settings):
    """Settings that read neither the environment nor a .env file."""

    @classmethod
    def settings_customise_sources(  # type: ignore[override]
        cls, _: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *__: Any, **___: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def settings_for_tests(data_dir: Path, **values: object) -> Settings:
    """Return settings for a test, with defaults that suit most."""
    defaults: dict[str, object] = {
        "data_dir": data_dir,
        "secret_key": SECRET_KEY,
        "public_url": "https://news.example.org",
        "redis_url": NO_REDIS,  # nothing listens: jobs are lost, as in an outage
    }
    return _GivenSettings(**{**defaults, **values})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _no_outages() -> None:
    """Forget the outages of earlier tests."""
    outages.forget()


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Undo the logging of commands that run in this process: it writes to a stream of that test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with servers.running_valkey() as url:
        yield url


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """A real Valkey, flushed."""
    redis = Redis.from_url(valkey_url)
    redis.flushall()
    redis.close()
    return valkey_url


@cache
def _filled_tables() -> str:
    """Return a query for the names of the tables that have rows: most tests fill a few of them."""
    return " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")"
        for name in sorted(Base.metadata.tables)
    )


class _SQLiteCleaner:
    """Deletes the rows of a file, unless a test left a lock, another file or another schema.

    It connects each time: tests put backups in the place of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._inode = path, path.stat().st_ino
        with self._connected() as connection:
            self._schema = _schema_version(connection)

    def delete_rows(self) -> bool:
        try:
            if self._path.stat().st_ino != self._inode:
                return False
            with self._connected() as connection:
                if _schema_version(connection) != self._schema:
                    return False
                for (table,) in connection.execute(_filled_tables()).fetchall():
                    connection.execute(f'DELETE FROM "{table}"')
                connection.execute("DELETE FROM sqlite_sequence")
        except (OSError, sqlite3.Error):
            return False
        return True

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            yield connection


def _schema_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA schema_version").fetchone()[0]
    return version


@dataclass
class Database:
    """One migrated database that all tests share, emptied before each."""

    backend: str
    url: str
    template: Path | None = None
    """SQLite: the file to copy if its rows cannot be deleted."""
    cleaner: psycopg.Connection | _SQLiteCleaner | None = None
    """PostgreSQL: the fixtures' own connection, because connecting takes longer than emptying."""

    def empty(self, *, as_new_file: bool = False) -> None:
        """Delete all rows, and number rows from 1 again.

        `as_new_file`: in a new file on SQLite, for tests whose processes may still have the old one
        open, or have moved it.
        """
        if self.template is not None:
            self._empty_sqlite(self.template, as_new_file=as_new_file)
        else:
            self._empty_postgresql()

    def _empty_sqlite(self, template: Path, *, as_new_file: bool) -> None:
        cleaner = self.cleaner if isinstance(self.cleaner, _SQLiteCleaner) else None
        if cleaner is not None and not as_new_file and cleaner.delete_rows():
            return
        engine = reuse.shared_engine(self.url)
        if engine is not None:
            engine.dispose()
        path = Path(sa.make_url(self.url).database or "")
        for end in ("", "-wal", "-shm"):  # a new file: whoever has the old one open does no harm
            path.with_name(path.name + end).unlink(missing_ok=True)
        shutil.copyfile(template, path)
        self.cleaner = _SQLiteCleaner(path)

    def _empty_postgresql(self) -> None:
        # Ten times faster than TRUNCATE, which creates new files for every table and index.
        assert isinstance(self.cleaner, psycopg.Connection)
        for (table,) in self.cleaner.execute(_filled_tables()).fetchall():
            self.cleaner.execute(f'DELETE FROM "{table}"')
        self.cleaner.execute(
            "SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences"
            " WHERE schemaname = 'public' AND last_value IS NOT NULL"
        )


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Database]]:
    """Databases, started on first use and kept for the whole run."""
    with ExitStack() as stack:
        yield _Databases(stack, tmp_path_factory)


class _Databases(dict[str, Database]):
    def __init__(self, stack: ExitStack, folders: pytest.TempPathFactory) -> None:
        super().__init__()
        self._stack, self._folders = stack, folders

    def __missing__(self, backend: str) -> Database:
        folder = self._folders.mktemp(backend)
        if backend == "sqlite":
            database = self._sqlite(folder)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                database = self._postgresql(backend, folder)
        reuse.share_engine(database.url)
        self[backend] = database
        return database

    def _sqlite(self, folder: Path) -> Database:
        template = folder / "template.sqlite3"
        migrate.upgrade(settings_for_tests(folder, database_url=f"sqlite:///{template}"))
        _fold_wal(template)
        return Database("sqlite", f"sqlite:///{folder / 'campaigns.sqlite3'}", template=template)

    def _postgresql(self, backend: str, folder: Path) -> Database:
        server = (
            servers.embedded_postgresql if backend == "postgresql" else servers.system_postgresql
        )
        url = self._stack.enter_context(server())
        migrate.upgrade(settings_for_tests(folder, database_url=url))
        cleaner = self._stack.enter_context(psycopg.connect(url, autocommit=True))
        cleaner.execute("SET session_replication_role = replica")  # no row depends on another
        return Database(backend, url, cleaner=cleaner)


def _fold_wal(path: Path) -> None:
    """Move the write-ahead log into the file, so that copying it copies the database."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


EDGES = {"cli", "mailbox", "public", "web"}
"""Folders of tests that run on SQLite only. They cover pages and commands; the SQL underneath runs
on both databases in the tests of the domain. An edge test that covers SQL no domain test runs, a
race, or a database that fails is marked `runs_on("sqlite", "postgresql")`."""

ON_EVERY_SERVER = {"audience", "campaign", "delivery", "reports"}
"""Folders of tests that also run on the system's PostgreSQL, which is mostly older than the
embedded one (`make test-system-postgresql`). So do the tests outside of any folder."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With SHUFFLE=7, shuffle the modules, and the tests in each, with the seed 7."""
    if seed := os.environ.get("SHUFFLE"):
        chance = random.Random(seed)  # noqa: S311
        place = {path: chance.random() for path in sorted({item.path for item in items})}
        items.sort(key=lambda item: (place[item.path], chance.random()))


def pytest_collection_finish() -> None:
    reuse.freeze_collected_objects()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses a database once per database that it is about."""
    if "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", _backends_for(metafunc.definition), indirect=True)


def _backends_for(test: pytest.Item) -> Sequence[str]:
    if mark := test.get_closest_marker("runs_on"):
        return mark.args
    *folders, _ = test.path.relative_to(Path(__file__).parent).parts
    if folders and folders[0] in EDGES:
        return ["sqlite"]
    if folders and folders[0] not in ON_EVERY_SERVER:
        return BACKENDS[:2]
    return BACKENDS


@pytest.fixture
def database_url(request: pytest.FixtureRequest, databases: dict[str, Database]) -> str:
    """The address of an empty database."""
    database = databases[request.param]
    database.empty(as_new_file=request.node.get_closest_marker("process") is not None)
    return database.url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Override in a test module to change a setting."""
    return settings_for_tests(tmp_path, database_url=database_url)


class _Browser(FlaskClient):
    """Reads every response to its end: one left unread would end its context in a later request."""

    def open(self, *args: Any, buffered: bool = True, **values: Any) -> TestResponse:
        return super().open(*args, buffered=buffered, **values)


Flask.test_client_class = _Browser


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The whole app on an empty database, with its context pushed."""
    app = create_app(settings)
    app.testing = True
    app.config["WTF_CSRF_ENABLED"] = False  # tests/web/test_csrf.py turns it on again
    if settings.redis_url == NO_REDIS:  # single emails are sent anyway
        app.extensions["campaigns.generation"] = Guard((FileMark(settings.data_dir),))
    with app.app_context():
        yield app
        db.session.remove()
        reuse.release_engine(db.engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that is not logged in."""
    return app.test_client()


@pytest.fixture
def owner_client(client: FlaskClient) -> FlaskClient:
    """A browser in which the owner is logged in."""
    Context().run(start_session, client, _new_owner)  # in its own context, like any request
    return client


def _new_owner() -> User:
    return users.create_user("owner@example.org", "correct horse battery", now=utcnow())


def start_session(client: FlaskClient, user: Callable[[], User]) -> None:
    """Set a session cookie, as the login page does after checking the password.

    `user` finds or creates the user, in the transaction of the session.
    """
    app = client.application
    with app.test_request_context(headers={"User-Agent": client.environ_base["HTTP_USER_AGENT"]}):
        with transaction():
            login.start_session(user())
        answer = app.response_class()
        app.session_interface.save_session(app, session, answer)
        client._update_cookies_from_response("localhost", "/", answer.headers.getlist("Set-Cookie"))


@pytest.fixture
def worker(app: Flask) -> Iterator[None]:
    """Make jobs callable; release what they keep at the end."""
    runtime.use(app)
    with transaction():
        save_workspace(name="Example", postal_address="1 Example Street")
    yield
    runtime.close_engine()
