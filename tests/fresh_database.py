"""Separate databases for tests of migrations.

from tests.fresh_database import settings as settings
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from campaigns.config import Settings
from tests.conftest import BACKENDS, Database, settings_for_tests


@pytest.fixture(params=BACKENDS)
def settings(
    request: pytest.FixtureRequest, databases: dict[str, Database], tmp_path: Path
) -> Iterator[Settings]:
    """Settings of a separate database without tables."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / 'fresh.sqlite3'}"
        else:
            url = stack.enter_context(_postgresql(databases[request.param].url))
        yield settings_for_tests(tmp_path, database_url=url)


@contextmanager
def connected(settings: Settings) -> Iterator[sa.Connection]:
    """A new connection each time, because SQLite caches what it has read of a table's keys."""
    engine = sa.create_engine(settings.sqlalchemy_url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _postgresql(server: str) -> Iterator[str]:
    """A separate database on the server with this URL."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE for_migrations")
        url = sa.make_url(server).set(database="for_migrations")
        try:
            yield url.render_as_string(hide_password=False)
        finally:
            connection.execute("DROP DATABASE for_migrations WITH (FORCE)")
