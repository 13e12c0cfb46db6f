"""Keeps opens and clicks without holding up their answers."""

import queue
import threading
import time

import structlog
from flask import Flask

from campaigns.messages import ProviderEvent
from campaigns.outages import is_outage, outages
from campaigns.public.track import note

log = structlog.get_logger()

MAX_WAITING = 20_000
"""Events that may wait in memory while Redis and the database are slow."""
BATCH = 500
GATHER_SECONDS = 0.01
"""Time in which a batch gathers, in seconds: an event is at most this long in memory alone."""
CLOSE_SECONDS = 5.0


class EventWriter:
    """Writes events in batches, in a thread of its own."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._queue: queue.SimpleQueue[ProviderEvent | None] = queue.SimpleQueue()
        self._lost = 0
        """Events of the outage that lasts."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def put(self, event: ProviderEvent) -> None:
        """Take an event. Never blocks; beyond MAX_WAITING it is lost, and the log says so."""
        if self._queue.qsize() >= MAX_WAITING:
            log.warning("event lost: too many waiting", kind=event.kind)
            return
        self._queue.put(event)

    def close(self) -> None:
        """Write what still waits."""
        self._queue.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            time.sleep(GATHER_SECONDS)
            batch, is_last = self._batch(event)
            try:
                with self._app.app_context():
                    note(batch)
            except Exception as error:
                if not is_outage(error):
                    log.exception("events lost", count=len(batch))
                else:
                    outages.began("event recorder", error)
                    self._lost += len(batch)
            else:
                outages.over("event recorder")
                if self._lost:
                    log.warning("events lost during the outage", count=self._lost)
                self._lost = 0
            if is_last:
                return

    def _batch(self, first: ProviderEvent) -> tuple[list[ProviderEvent], bool]:
        batch = [first]
        while len(batch) < BATCH:
            try:
                event = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
            if event is None:
                return batch, True
            batch.append(event)
        return batch, False
