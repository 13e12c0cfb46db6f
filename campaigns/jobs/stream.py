"""The Redis stream in which opens and clicks wait for the database.

A newsletter's readers come all at once: the web processes only append here, a job writes the
events to the database in batches.
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
"""One name for all workers: named each, the dead ones would pile up in the group for ever."""
MAX_LENGTH = 2_000_000
"""About 400 MB. Beyond it the oldest go: a flood must not take the whole server down."""
TIMEOUT_SECONDS = 0.3
PAUSE_SECONDS = 2.0
"""Pause after a failure of Redis, as each attempt may cost a visitor the timeout."""

Entry = tuple[bytes, ProviderEvent | None]
"""An entry's id and its event; None where it cannot be read."""


class EventStream:
    """The stream of one Redis. Safe to use from many threads."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._redis = Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)
        self._away_until = 0.0

    def add(self, *events: ProviderEvent) -> bool:
        """Append events. False when Redis does not take them: then they belong elsewhere."""
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
        """Make the stream and its consumer group where they are missing. Raises RedisError."""
        try:
            self._redis.xgroup_create(KEY, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, count: int) -> list[Entry]:
        """Events that nobody has taken yet. Raises RedisError."""
        answer = cast("Any", self._redis.xreadgroup(GROUP, CONSUMER, {KEY: ">"}, count=count))
        streams = list(answer.values()) if isinstance(answer, dict) else [e for _, e in answer]
        return _entries(streams[0] if streams else [])

    def take_over(self, count: int, *, idle_seconds: int) -> list[Entry]:
        """Events that were taken so long ago that who took them must be dead."""
        answer = cast(
            "Any",
            self._redis.xautoclaim(
                KEY, GROUP, CONSUMER, min_idle_time=idle_seconds * 1000, start_id="0-0", count=count
            ),
        )
        return _entries(answer[1])

    def done(self, ids: Sequence[bytes]) -> None:
        """These are in the database: forget them."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.xack(KEY, GROUP, *ids)
        pipe.xdel(KEY, *ids)
        pipe.execute()


def event_stream() -> EventStream:
    """The stream of the running app, made on first use. Gives up fast: readers wait for it."""
    found = current_app.extensions.get("campaigns.event_stream")
    if found is None:
        found = EventStream(services().settings.redis_connection_url)
        current_app.extensions["campaigns.event_stream"] = found
    return cast("EventStream", found)


def length() -> int:
    """Count the events that wait in the running app's stream."""
    return event_stream().length()


def _dump(event: ProviderEvent) -> str:
    values = {**asdict(event), "at": event.at.isoformat()}
    return json.dumps(values, separators=(",", ":"))


def _load(text: bytes) -> ProviderEvent | None:
    try:
        values = json.loads(text)
        return ProviderEvent(**{**values, "at": datetime.fromisoformat(values["at"])})
    except (ValueError, TypeError, KeyError) as error:
        # Written by another version, or not by us: it will never become readable.
        log.error("unreadable event dropped", text=text[:200], error=str(error))
        return None


def _entries(raw: Sequence[Any]) -> list[Entry]:
    # Entries deleted while they were pending come back as bare ids.
    return [
        (entry_id, _load(fields[b"event"]) if fields and b"event" in fields else None)
        for entry_id, fields in raw
    ]
