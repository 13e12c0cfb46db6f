"""Repeat the consent check for what waits or is on the wire.

A body leaves only if its last check began less than OLDEST_CHECK_SECONDS ago (engine.outbox),
whatever the database or the server does.
"""

import threading

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from campaigns.clock import Clock
from campaigns.delivery import claims
from campaigns.engine.provider_pool import ProviderPool
from campaigns.outages import outages

log = structlog.get_logger()

CHECK_INTERVAL_SECONDS = 0.5
"""Interval between rounds of the consent check."""


class ConsentCheck:
    """Holds back who unsubscribed, was suppressed or was deleted after the claim."""

    def __init__(self, app: Flask, pool: ProviderPool, clock: Clock) -> None:
        """Make a check of everything in this pool."""
        self._app = app
        self._pool = pool
        self._clock = clock

    def tick(self) -> None:
        """Check what is due, and give back what would wait too long."""
        for outbox in self._pool.outboxes:
            outbox.release_surplus(self._clock.monotonic())
            due = outbox.to_check(self._clock.running_seconds())
            if not due:
                continue
            began_at = self._clock.running_seconds()
            with self._app.app_context():
                withdrawn = claims.withdrawn([number for _, numbers in due for number in numbers])
            for batch, _ in due:
                outbox.apply_check(batch, began_at, withdrawn)

    def run(self, closing: threading.Event) -> None:
        """Tick until closed, in a thread of its own: a slow write must not delay the checks."""
        while not closing.wait(CHECK_INTERVAL_SECONDS):
            try:
                self.tick()
            except SQLAlchemyError as error:  # nothing leaves until it can be checked
                outages.began("consent check", error)
            except Exception:
                log.exception("consent cannot be checked; nothing is sent until it can")
            else:
                outages.over("consent check")
