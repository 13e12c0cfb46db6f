"""Settings and app for commands that work on the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import click
from flask import Flask
from sqlalchemy.exc import DBAPIError

from campaigns import migrate
from campaigns.config import Settings, load_settings
from campaigns.core import create_core
from campaigns.db import db
from campaigns.supervisor import status


def current_settings() -> Settings:
    """Return the settings, completed from a `campaigns up` that runs on the same data directory."""
    settings = load_settings()
    found = status.read(settings.data_dir)
    if found is None or not found.is_current:
        return settings
    chosen: dict[str, object] = {}
    if not settings.public_url:
        chosen["port"] = urlsplit(found.address).port or 80
    if found.mailbox_port:
        chosen["mailbox_port"] = found.mailbox_port
    if found.database_url and not settings.database_url:
        chosen["database_url"] = found.database_url
    return load_settings(**chosen)


@contextmanager
def ready_app() -> Iterator[Flask]:
    """Push an app context. The database must exist and have the newest schema."""
    settings = current_settings()
    app = create_core(settings)
    with app.app_context():
        try:
            found = migrate.current_revision(db.session.connection())
        except DBAPIError as error:
            raise click.ClickException(migrate.unusable(settings, error)) from None
        if found != migrate.newest_revision():
            raise click.ClickException(
                "The database schema is out of date. Check DATA_DIR and DATABASE_URL, then"
                " run: campaigns migrate"
            )
        db.session.rollback()
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()
