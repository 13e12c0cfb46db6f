"""Update the database schema, and check whether it is up to date."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from campaigns.config import Settings
from campaigns.db import engine_options, is_disk_full
from campaigns.paths import resource_root

PG_LOCK_TIMEOUT = "5s"
ADVISORY_LOCK = 727_001
"""Advisory lock, so that of two processes that start together the second waits."""


class MigrationError(RuntimeError):
    """The migration failed and was rolled back. The message says what to do."""


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Run all missing migrations up to `revision`. Raises MigrationError."""
    with _connection(settings) as (connection, config):
        _refuse_newer(connection)
        command.upgrade(config, revision)
        _check_foreign_keys(connection)


def downgrade(settings: Settings, revision: str) -> None:
    """Undo down to `revision` ("base": everything)."""
    with _connection(settings) as (connection, config):
        command.downgrade(config, revision)
        _check_foreign_keys(connection)


def make_revision(settings: Settings, message: str, revision_id: str) -> None:
    """Write a new migration from the difference between models and database."""
    with _connection(settings) as (_, config), _comparing():
        command.revision(config, message, autogenerate=True, rev_id=revision_id)


@contextmanager
def _comparing() -> Iterator[None]:
    """Ignore expression indexes on SQLite, where Alembic cannot read them back."""
    with warnings.catch_warnings():
        for words in ("Skipped unsupported reflection", "autogenerate skipping"):
            warnings.filterwarnings("ignore", f"{words} .*expression-based index")
        yield


def unusable(settings: Settings, error: sa.exc.DBAPIError) -> str:
    """Explain why this database cannot be used, and what to do about it."""
    reason = str(error.orig).strip()
    if settings.is_sqlite:
        path = settings.sqlalchemy_url.removeprefix("sqlite:///")
        where, hint = f"The disk that holds {path}", "Check DATA_DIR and DATABASE_URL."
    else:
        where = f"The disk of the PostgreSQL server ({reason})"
        hint = "Check DATABASE_URL, and that the server is running."
    if is_disk_full(error):
        return f"{where} is full.\nFree some space there, then start again."
    return f"The database cannot be used: {reason}\n{hint}"


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision of this database; None if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Return the revision that this version of the product needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_known(revision: str) -> bool:
    """Return whether this version of the product has that migration."""
    script = ScriptDirectory.from_config(_config())
    return any(entry.revision == revision for entry in script.walk_revisions())


def _refuse_newer(connection: sa.Connection) -> None:
    found = current_revision(connection)
    connection.rollback()
    if found is not None and not is_known(found):
        raise MigrationError(
            f"The database was made by a newer version of Campaigns (its schema is {found}, which"
            " this version does not know). Install that version again, or restore a backup."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resource_root() / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _connection(settings: Settings) -> Iterator[tuple[sa.Connection, Config]]:
    if settings.is_sqlite:
        Path(settings.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = sa.create_engine(settings.sqlalchemy_url, **engine_options(settings.sqlalchemy_url))
    config = _config()
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # A batch ALTER drops and rebuilds a table: with foreign keys on, its children would
                # be deleted by cascade. The pragma works only outside a transaction.
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                connection = connection.execution_options(campaigns_writing=True)
            else:
                connection.exec_driver_sql(f"SET lock_timeout = '{PG_LOCK_TIMEOUT}'")
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
            connection.commit()
            config.attributes["connection"] = connection
            yield connection, config
            connection.commit()
    finally:
        engine.dispose()


def _check_foreign_keys(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise MigrationError(
            f"After the migration {len(broken)} rows point nowhere (first: {broken[0]}). Restore"
            " the copy made before it and report this."
        )
