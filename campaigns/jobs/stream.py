"""The Redis stream in which opens and clicks wait for the database.

Recipients open a newsletter at about the same time: web processes only append here, and a job
writes the events to the database in batches.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

import structlog
from flask import current_app
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from campaigns.context import services
from campaigns.messages import ProviderEvent
from campaigns.outages import outages

log = structlog.get_logger()

KEY = "campaigns:events"
GROUP = "ingest"
CONSUMER = "worker"
"""One name for all workers: with individual names, dead ones would pile up in the group."""
MAX_LENGTH = 2_000_000
"""Length limit, about 400 MB. Beyond it the oldest entries are dropped, to protect the server."""
TIMEOUT_SECONDS = 0.3
PAUSE_SECONDS = 2.0
"""Pause after a failure of Redis, in seconds: each attempt may delay a visitor by the timeout."""

Entry = tuple[bytes, ProviderEvent | None]
"""An entry's id and its event; None if it is unreadable."""


class EventStream:
    """The stream in one Redis. Thread-safe."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._redis = Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)
        self._away_until = 0.0

    def add(self, *events: ProviderEvent) -> bool:
        """Append events. False if Redis fails: store them elsewhere."""
        if time.monotonic() < self._away_until:
            return False
        try:
            if len(events) == 1:
                self._append(self._redis, events[0])
            else:
                pipe = self._redis.pipeline(transaction=False)
                for event in events:
                    self._append(pipe, event)
                pipe.execute()
        except RedisError as error:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            outages.began("event stream", error)
            return False
        outages.over("event stream")
        return True

    def _append(self, redis: Redis, event: ProviderEvent) -> None:
        redis.xadd(KEY, {"event": _dump(event)}, maxlen=MAX_LENGTH, approximate=True)

    def length(self) -> int:
        """Count the waiting events; 0 when Redis is unavailable."""
        try:
            return self._redis.xlen(KEY)
        except RedisError as error:
            outages.began("event stream", error)
            return 0

    def open_group(self) -> None:
        """Create the stream and its consumer group if missing. Raises RedisError."""
        try:
            self._redis.xgroup_create(KEY, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, count: int) -> list[Entry]:
        """Read new events. Raises RedisError."""
        answer = cast("Any", self._redis.xreadgroup(GROUP, CONSUMER, {KEY: ">"}, count=count))
        streams = list(answer.values()) if isinstance(answer, dict) else [e for _, e in answer]
        return _entries(streams[0] if streams else [])

    def take_over(self, count: int, *, idle_seconds: int) -> list[Entry]:
        """Read events taken by workers that must have died since."""
        answer = cast(
            "Any",
            self._redis.xautoclaim(
                KEY, GROUP, CONSUMER, min_idle_time=idle_seconds * 1000, start_id="0-0", count=count
            ),
        )
        return _entries(answer[1])

    def done(self, ids: Sequence[bytes]) -> None:
        """Delete events that are in the database."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.xack(KEY, GROUP, *ids)
        pipe.xdel(KEY, *ids)
        pipe.execute()


def event_stream() -> EventStream:
    """Return the stream of the running app, created on first use. Its timeouts are short."""
    found = current_app.extensions.get("campaigns.event_stream")
    if found is None:
        found = EventStream(services().settings.redis_connection_url)
        current_app.extensions["campaigns.event_stream"] = found
    return cast("EventStream", found)


def length() -> int:
    """Count the waiting events in the running app's stream."""
    return event_stream().length()


def _dump(event: ProviderEvent) -> str:
    values = {**asdict(event), "at": event.at.isoformat()}
    return json.dumps(values, separators=(",", ":"))


def _load(text: bytes) -> ProviderEvent | None:
    try:
        values = json.loads(text)
        return ProviderEvent(**{**values, "at": datetime.fromisoformat(values["at"])})
    except (ValueError, TypeError, KeyError) as error:
        # Written by another version, or another program: it will never be readable.
        log.error("unreadable event dropped", text=text[:200], error=str(error))
        return None


def _entries(raw: Sequence[Any]) -> list[Entry]:
    # Entries deleted while they were pending come back as bare ids.
    return [
        (entry_id, _load(fields[b"event"]) if fields and b"event" in fields else None)
        for entry_id, fields in raw
    ]
