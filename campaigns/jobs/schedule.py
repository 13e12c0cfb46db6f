"""The clock: one process at a time that starts what is due and sweeps.

Several may run (for safety): a lease in the database lets only one of them work.
"""

import secrets
import signal
import threading
import time
from datetime import timedelta
from types import FrameType

import sqlalchemy as sa
import structlog
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, insert_ignoring, rows_changed, transaction
from campaigns.jobs import maintenance, runtime
from campaigns.jobs.models import Lease
from campaigns.sending import lifecycle

log = structlog.get_logger()

LEASE = "clock"
LEASE_SECONDS = 15
TICK_SECONDS = 1.0
SWEEP_SECONDS = 5.0


def run_clock(app: Flask) -> None:
    """Tick until SIGTERM or SIGINT."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    runtime.use(app)
    clock = Clock(app)
    log.info("clock started")
    while not stop.is_set():
        clock.beat()
        stop.wait(TICK_SECONDS)
    clock.leave()
    log.info("clock stopped")


class Clock:
    """What the clock process does each beat. An outage of a server is outlived, and said once."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._holder = secrets.token_hex(8)
        self._next_sweep = 0.0
        self._is_in_trouble = False

    def beat(self) -> None:
        with self._app.app_context():
            try:
                self._work()
            except (SQLAlchemyError, RedisError, OSError) as error:
                if not self._is_in_trouble:
                    log.error("the clock cannot work; it keeps trying", error=str(error))
                self._is_in_trouble = True
                return
        if self._is_in_trouble:
            log.info("the clock works again")
        self._is_in_trouble = False

    def _work(self) -> None:
        if not hold_lease(self._holder):
            return
        start_due()
        if time.monotonic() >= self._next_sweep:
            maintenance.sweep()
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
        else:
            maintenance.ring_for_events()

    def leave(self) -> None:
        """Let another clock take over at once."""
        with self._app.app_context():
            try:
                with transaction():
                    db.session.execute(
                        sa.delete(Lease).where(Lease.name == LEASE, Lease.holder == self._holder)
                    )
            except SQLAlchemyError as error:
                log.warning("the clock's lease runs out by itself", error=str(error))


def hold_lease(holder: str) -> bool:
    """Take or renew the lease. False while another process holds it."""
    now = utcnow()
    until = now + timedelta(seconds=LEASE_SECONDS)
    with transaction():
        row = {"name": LEASE, "holder": holder, "until": until}
        db.session.execute(insert_ignoring(Lease).values(row))
        taken = db.session.execute(
            sa.update(Lease)
            .where(Lease.name == LEASE, sa.or_(Lease.holder == holder, Lease.until < now))
            .values(holder=holder, until=until)
        )
        return rows_changed(taken) == 1


def start_due() -> None:
    """Start the campaigns whose moment has come, and ring for each."""
    now = utcnow()
    if not lifecycle.is_any_due(now=now):
        return
    with transaction():
        started = lifecycle.start_due(now=now)
    for campaign_id in started:
        services().doorbell.ring("expand", campaign_id)
