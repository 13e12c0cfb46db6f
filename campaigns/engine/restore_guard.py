"""Detect a restored database by copies of its counter, kept outside it.

One copy is a file in DATA_DIR, one is in this process's memory, and one is a key in Redis if that
is a separate server (the embedded one is in DATA_DIR and would be restored with it). The database
commits before the copies are written, so a crash, a power cut or a lost copy never looks like a
restored database.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import structlog
from flask import current_app
from redis import Redis
from redis.exceptions import RedisError

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.engine import restored
from campaigns.engine.redis_connection import connect
from campaigns.engine.restored import State
from campaigns.transactional.alerts import alert_about_restore

log = structlog.get_logger()

CHECK_SECONDS = 2.0
"""Interval between checks, and between increments of the counter during sending, in seconds."""
UNMARKED_SECONDS = 6.0
"""Time for which a process without a copy waits for one from other processes, in seconds."""
FILE_BYTES = 128


class FileMark:
    """The copy in DATA_DIR: a file that is always written in place.

    It contains its own inode number. A file from a backup has another one, so a data directory
    restored together with its database is detected, too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> int | None:
        """Return the number in the file; None if it is missing or comes from a backup."""
        try:
            with self._path(name).open("rb") as file:
                found = json.loads(file.read(FILE_BYTES))
                inode = os.fstat(file.fileno()).st_ino
        except (OSError, ValueError):
            return None
        return int(found["number"]) if found["inode"] == inode else None

    def write(self, state: State) -> None:
        """Write this number. Raises OSError."""
        handle = os.open(self._path(state.name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            facts = {"inode": os.fstat(handle).st_ino, "number": state.number}
            os.pwrite(handle, json.dumps(facts).encode().ljust(FILE_BYTES), 0)
        finally:
            os.close(handle)

    def _path(self, name: str) -> Path:
        return self._folder / f"generation.{name}"


class RedisMark:
    """The copy in Redis.

    It contains the run id of the server. A server restarted since may have been restored from a
    backup as old as the database's, so its copy proves nothing.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def read(self, name: str) -> int | None:
        """Raises RedisError."""
        found = cast("bytes | None", self._redis.get(self._key(name)))
        number, _, run = (found or b"").decode().partition(" ")
        return int(number) if run and run == self._run() else None

    def write(self, state: State) -> None:
        """Raises RedisError."""
        self._redis.set(self._key(state.name), f"{state.number} {self._run()}")

    def _run(self) -> str:
        return str(self._redis.info("server")["run_id"])

    def _key(self, name: str) -> str:
        return f"campaigns:generation:{name}"


class Guard:
    """Prevents a process from sending what a restored database lists as waiting.

    One per process.
    """

    def __init__(
        self,
        marks: tuple[FileMark | RedisMark, ...],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._marks, self._seconds = marks, seconds
        self._remembered: dict[str, int] = {}
        self._next_check = float("-inf")
        self._unmarked_since: float | None = None
        self._may_send = False
        self._has_sent = False

    def may_send(self, *, is_sending: bool) -> bool:
        """Return whether this database may be sent from; checks at intervals, and holds campaigns.

        `is_sending`: the caller is about to send, so the counter advances. Returns False only until
        the answer is known. Raises SQLAlchemyError, RedisError.
        """
        if self._seconds() >= self._next_check:
            self._may_send = self._check(is_sending)
            self._next_check = self._seconds() + (CHECK_SECONDS if self._may_send else 0.0)
        return self._may_send

    def leave(self) -> None:
        """Advance the counter for messages since the last check: a backup may be taken afterwards.

        Raises SQLAlchemyError, RedisError.
        """
        if self._has_sent:
            self._check(is_sending=False)

    def _check(self, is_sending: bool) -> bool:
        before = self._state()
        # In this order: the database can only be ahead of a copy read before it.
        outside = self._highest(before.name)
        state = self._state()
        if state.name != before.name:
            return False
        if outside is None and state.number:
            if not self._has_waited():
                return False
            self._hold(state.number, "no copy of its counter was found")
        elif outside is not None and outside > state.number:
            self._hold(outside, "it is older than the copy of its counter")
        self._unmarked_since = None
        if is_sending or self._has_sent:
            with transaction(durable=True):
                state = restored.advance()
        else:
            state = self._state()
        self._has_sent = is_sending
        self._write(state)
        return True

    def _state(self) -> State:
        db.session.rollback()
        found = restored.read()
        if found is None:
            with transaction():
                restored.create()
            found = restored.read()
        assert found is not None  # noqa: S101 (it was created)
        return found

    def _highest(self, name: str) -> int | None:
        found = [number for mark in self._marks if (number := mark.read(name)) is not None]
        if name in self._remembered:
            found.append(self._remembered[name])
        return max(found, default=None)

    def _has_waited(self) -> bool:
        """Return whether the wait for another process's copy is over (new machine, empty Redis)."""
        if not restored.is_anything_open(utcnow()):
            return True
        now = self._seconds()
        if self._unmarked_since is None:
            self._unmarked_since = now
        return now - self._unmarked_since >= UNMARKED_SECONDS

    def _hold(self, above: int, why: str) -> None:
        with transaction(durable=True):
            held = restored.hold(above, now=utcnow())
            emails: list[int] = []
            if held is not None and (held.campaigns or held.emails):
                base_url = services().settings.base_url
                emails = alert_about_restore(
                    held.campaigns, held.emails, base_url=base_url, now=utcnow()
                )
        if held is not None:
            log.warning(
                "the database was restored from a backup; campaigns in progress need a decision",
                why=why,
                campaigns=len(held.campaigns),
                emails=held.emails,
            )
        for mail_id in emails:
            services().doorbell.ring("transactional", mail_id)

    def _write(self, state: State) -> None:
        self._remembered[state.name] = max(state.number, self._remembered.get(state.name, 0))
        for mark in self._marks:
            try:
                mark.write(state)
            except (OSError, RedisError) as error:
                log.debug("a copy of the counter could not be written", error=str(error))


def leave() -> None:
    """Advance the counter when a process that may have sent ends.

    Raises SQLAlchemyError, RedisError.
    """
    if "campaigns.generation" in current_app.extensions:
        guard().leave()


def guard() -> Guard:
    """Return the guard of the running app, created on first use."""
    found = current_app.extensions.get("campaigns.generation")
    if found is None:
        settings = services().settings
        marks: tuple[FileMark | RedisMark, ...] = (FileMark(settings.data_dir),)
        if settings.redis_url:
            marks += (RedisMark(connect(settings.redis_connection_url)),)
        found = current_app.extensions["campaigns.generation"] = Guard(marks)
    return cast("Guard", found)
