"""Commands about the database's schema."""

import re
import sys
import tempfile
from pathlib import Path

import click
from sqlalchemy.exc import DBAPIError

from campaigns import migrate
from campaigns.config import load_settings


@click.command("migrate")
def migrate_command() -> None:
    """Update the database schema.

    Safe to run at any time, also several times at once. `campaigns up` does it automatically.
    """
    settings = load_settings()
    try:
        migrate.upgrade(settings)
    except migrate.MigrationError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except DBAPIError as error:
        click.echo(migrate.unusable(settings, error), err=True)
        sys.exit(1)
    click.echo(f"The database schema is up to date (revision {migrate.newest_revision()}).")


@click.command("migration")
@click.argument("message")
def migration_command(message: str) -> None:
    """Write a new migration from the differences between models and migrations.

    Uses a temporary SQLite database. Review the file before you commit it.
    """
    newest = migrate.newest_revision() or "0000"
    number = f"{int(newest[:4]) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), database_url="")
        migrate.upgrade(settings)
        migrate.make_revision(settings, _slug(message), number)
    click.echo(f"Wrote migration {number}.")


def _slug(message: str) -> str:
    return re.sub(r"\s+", " ", message).strip()
