"""Detect a PostgreSQL server that no longer answers: queries would hang instead of failing."""

import threading

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from campaigns.config import Settings
from campaigns.outages import outages

INTERVAL_SECONDS = 2.0
TIMEOUT_SECONDS = 3
PART = "database watch"


def start(settings: Settings, is_over: threading.Event) -> None:
    """Check the database at intervals, in a separate thread, until stopped."""
    if not settings.is_sqlite:  # a file always answers
        threading.Thread(target=_watch, args=(settings, is_over), name=PART, daemon=True).start()


def _watch(settings: Settings, is_over: threading.Event) -> None:
    engine = sa.create_engine(
        settings.sqlalchemy_url,
        poolclass=sa.NullPool,
        connect_args={"connect_timeout": TIMEOUT_SECONDS},
    )
    while not is_over.wait(INTERVAL_SECONDS):
        try:
            # A new connection each time: only connecting has a time limit.
            engine.connect().close()
        except SQLAlchemyError as error:
            outages.began(PART, error)
        else:
            outages.over(PART)
