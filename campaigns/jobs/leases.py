"""Renews the short lease of something that may take long, so a killed worker's is soon free."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from campaigns.clock import utcnow
from campaigns.db import transaction

RENEW_SECONDS = 3.0
"""Interval between renewals: several fit into a lease."""


@contextmanager
def renewed(renew: Callable[[datetime], object]) -> Iterator[None]:
    """Call `renew` with the time, in transactions of another thread, now and then until the end.

    The caller's thread may wait for a server meanwhile.
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
        # Where the database is away, others may take it over later, which its owner notices.
        with suppress(SQLAlchemyError), app.app_context(), transaction():
            renew(utcnow())
