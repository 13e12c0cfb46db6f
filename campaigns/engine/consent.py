"""Repeat the consent check for messages that wait or are being sent.

Whatever the database or the server does, a body is sent only if its last check began less than
OLDEST_CHECK_SECONDS ago (engine.outbox).
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
"""Interval between rounds of the consent check, in seconds."""


class ConsentCheck:
    """Withdraws deliveries to people who left, were suppressed or deleted since the claim."""

    def __init__(self, app: Flask, pool: ProviderPool, clock: Clock) -> None:
        """Create a check of everything in this pool."""
        self._app = app
        self._pool = pool
        self._clock = clock

    def tick(self) -> None:
        """Check what is due, and return to the queue what would wait too long."""
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
        """Tick until closed, in its own thread: a slow write must not delay the checks."""
        while not closing.wait(CHECK_INTERVAL_SECONDS):
            try:
                self.tick()
            except SQLAlchemyError as error:  # nothing is sent until a check succeeds
                outages.began("consent check", error)
            except Exception:
                log.exception("consent cannot be checked; nothing is sent until it can")
            else:
                outages.over("consent check")
