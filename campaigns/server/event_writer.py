"""Store opens and clicks without delaying the responses."""

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
"""Largest number of events in memory while Redis and the database are slow."""
BATCH = 500
GATHER_SECONDS = 0.01
"""Time to collect a batch, in seconds; short, as its events are only in memory."""
CLOSE_SECONDS = 5.0


class EventWriter:
    """Writes events in batches, in its own thread."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._queue: queue.SimpleQueue[ProviderEvent | None] = queue.SimpleQueue()
        self._lost = 0
        """Events lost in the current outage."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def put(self, event: ProviderEvent) -> None:
        """Queue an event. Never blocks; beyond MAX_WAITING the event is dropped and logged."""
        if self._queue.qsize() >= MAX_WAITING:
            log.warning("event lost: too many waiting", kind=event.kind)
            return
        self._queue.put(event)

    def close(self) -> None:
        """Write the remaining events."""
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
