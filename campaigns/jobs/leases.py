"""Renew a short lease during long work, so that a killed worker's lease expires soon."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from campaigns.clock import utcnow
from campaigns.db import transaction

RENEW_SECONDS = 3.0
"""Interval between renewals, in seconds; several fit into a lease."""


@contextmanager
def renewed(renew: Callable[[datetime], object]) -> Iterator[None]:
    """Call `renew` with the time at intervals, in transactions of another thread, until the end.

    Meanwhile the caller's thread may wait for a server.
    """
    app = current_app.app_context().app
    is_over = threading.Event()
    thread = threading.Thread(target=_renew, args=(app, renew, is_over), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _renew(app: Flask, renew: Callable[[datetime], object], is_over: threading.Event) -> None:
    while not is_over.wait(RENEW_SECONDS):
        # If the database is down, others may take over later, which the owner notices.
        with suppress(SQLAlchemyError), app.app_context(), transaction():
            renew(utcnow())
