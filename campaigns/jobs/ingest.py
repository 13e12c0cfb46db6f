"""Move opens and clicks from the stream to the database, batch by batch."""

import time

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.events.record import record
from campaigns.jobs.runtime import job
from campaigns.jobs.stream import Entry, EventStream

BATCH = 500
SLICE_SECONDS = 1.0
DEAD_AFTER_SECONDS = 60
REDIS_TIMEOUT_SECONDS = 5.0


@job("ingest")
def ingest() -> None:
    """Record waiting events for one slice of time; rings again while there are more.

    Entries are deleted only after their events are committed. If a worker dies in between, the next
    one records them again, which stores them once.
    """
    stream = EventStream(services().settings.redis_connection_url, timeout=REDIS_TIMEOUT_SECONDS)
    stream.open_group()
    until = time.monotonic() + SLICE_SECONDS
    _record(stream, stream.take_over(BATCH, idle_seconds=DEAD_AFTER_SECONDS))
    while entries := stream.read(BATCH):
        _record(stream, entries)
        if time.monotonic() >= until:
            services().doorbell.ring("ingest")
            return


def _record(stream: EventStream, entries: list[Entry]) -> None:
    if not entries:
        return
    events = [event for _, event in entries if event is not None]
    with transaction(durable=True):
        record(events, now=utcnow())
    stream.done([entry_id for entry_id, _ in entries])
