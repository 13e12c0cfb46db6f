"""Outages of the database and of Redis, logged once when they begin and once when they end.

Many threads and jobs of a process notice the same outage. They report here, so the log has one line
for all of them. The first success of something that failed before ends the outage.
"""

import threading
import time
from collections.abc import Callable
from typing import Literal

import structlog
from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from campaigns.db import is_disk_full

log = structlog.get_logger()

FORGET_SECONDS = 60.0
"""Seconds after which an unrepeated failure is forgotten."""
SETTLE_SECONDS = 2.0
"""Seconds after the end of an outage in which a failure may still be an answer from before it."""

_DIRECTORY = "The data directory"
_DISK = "The disk of the data directory"

_BACK = {_DIRECTORY: "works again", _DISK: "has room again"}

_DEFECTS = ("no such table", "no such column", "syntax error", "has no column", "no such function")
"""Messages of SQLite errors that are bugs but have the class of an outage."""


def is_outage(error: BaseException | None) -> bool:
    """Return whether the cause is an unavailable or read-only server, and not a bug."""
    if isinstance(error, RedisError):
        return redis_trouble(error) != "" or not _is_redis_defect(error)
    if isinstance(error, OperationalError):
        words = str(error.orig).lower()
        return not any(defect in words for defect in _DEFECTS)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, InterfaceError | PoolTimeoutError) or is_disk_full(error)


_WAITED_FOR = (
    "connection refused", "failed: no such file or directory", "error 2 connecting",
    "timeout expired", "timeout connecting", "timeout reading", "timed out", "no route to host",
    "unreachable", "closed the connection", "connection closed", "connection reset",
    "temporary failure in name", "starting up", "shutting down", "recovery mode",
    "not yet accepting",
)  # fmt: skip
"""Errors of a server that may be starting, unlike a wrong address or password."""


def is_away(error: BaseException) -> bool:
    """Return whether a server cannot be reached, so waiting for it makes sense."""
    if isinstance(error, BusyLoadingError):
        return True
    is_of_server = isinstance(error, OperationalError | RedisConnectionError | RedisTimeoutError)
    words = describe(error).lower()
    return is_of_server and any(waited_for in words for waited_for in _WAITED_FOR)


def _is_redis_defect(error: RedisError) -> bool:
    words = str(error)
    return any(word in words for word in ("WRONGTYPE", "ERR ", "NOSCRIPT", "unknown command"))


RedisTrouble = Literal["", "disk", "memory", "replica", "loading"]


def redis_trouble(error: BaseException) -> RedisTrouble:
    """Return what is wrong with a Redis that answers but does not work; "" if nothing is."""
    words = str(error) if isinstance(error, RedisError) else ""
    if "MISCONF" in words:
        return "disk"
    if isinstance(error, OutOfMemoryError) or "OOM " in words:
        return "memory"
    if isinstance(error, ReadOnlyError) or "READONLY" in words:
        return "replica"
    if isinstance(error, BusyLoadingError) or "LOADING" in words:
        return "loading"
    return ""


_REDIS_EVENTS: dict[RedisTrouble, str] = {
    "disk": "Redis cannot write to its disk, which is probably full. Free some space; sending"
    " continues automatically.",
    "memory": "Redis has reached its memory limit. Raise maxmemory, or free some memory; sending"
    " continues automatically.",
    "replica": "Redis is a read-only replica. Point REDIS_URL to the primary, or promote this one;"
    " sending continues automatically.",
    "loading": "Redis is loading its data after a start. Sending continues automatically.",
}
"""What the log says; pages use their own sentences."""


def describe(error: BaseException) -> str:
    """Describe the error in one line, without the SQL statement and its parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return " ".join(str(cause).split()) or type(cause).__name__


def _server(error: BaseException) -> str:
    if isinstance(error, RedisError):
        return "Redis"
    if _is_own_disk_full(error):
        return _DISK
    return "The database" if isinstance(error, SQLAlchemyError) else _DIRECTORY


def _is_own_disk_full(error: BaseException) -> bool:
    """Return whether our own disk is full, which affects journals and SQLite alike."""
    return is_disk_full(error) and (
        isinstance(error, OSError) or "disk is full" in describe(error).lower()
    )


def _sentence(error: BaseException) -> str:
    if trouble := redis_trouble(error):
        return _REDIS_EVENTS[trouble]
    if _is_own_disk_full(error):
        return f"{_DISK} is full. Free some space; sending continues automatically."
    if is_disk_full(error):
        return (
            "The database cannot write, because its disk is full. Free some space;"
            " sending continues automatically."
        )
    if isinstance(error, OSError):
        return (
            f"{_DIRECTORY} cannot be written: {error.strerror or error}. Nothing is sent until"
            " it can; sending continues automatically then."
        )
    return f"{_server(error)} is unavailable. Work continues automatically when it is back."


class Outages:
    """The outages that this process knows of. Thread-safe."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._parts: dict[str, dict[str, float]] = {}
        """Server -> failed part -> time of its last failure."""
        self._ended: dict[str, float] = {}
        """Server -> time at which its last outage ended."""

    def began(self, part: str, error: BaseException) -> None:
        """Note that this part of the process failed. Logged once per outage.

        A thread may report its failure after another one has already succeeded. That is no new
        outage; if there is one, the next failure says so.
        """
        server, now = _server(error), self._seconds()
        with self._lock:
            parts = self._parts.get(server, {})
            self._forget_old(parts, now)
            is_new = not parts
            if is_new and server in self._ended and now - self._ended[server] < SETTLE_SECONDS:
                return
            self._parts[server] = {**parts, part: now}
        if is_new:
            log.error(_sentence(error), part=part, error=describe(error))

    def over(self, part: str) -> None:
        """Note that this part works. Logged once, when the last failed part works again."""
        if not self._parts:
            return
        now, back = self._seconds(), []
        with self._lock:
            for server, parts in list(self._parts.items()):
                parts.pop(part, None)
                self._forget_old(parts, now)
                if not parts:
                    del self._parts[server]
                    self._ended[server] = now
                    back.append(server)
        for server in back:
            log.info(f"{server} {_BACK.get(server, 'is back')}")

    def forget(self) -> None:
        """Forget all outages, like a new process."""
        with self._lock:
            self._parts.clear()
            self._ended.clear()

    @staticmethod
    def _forget_old(parts: dict[str, float], now: float) -> None:
        for part in [part for part, at in parts.items() if now - at >= FORGET_SECONDS]:
            del parts[part]


outages = Outages()
"""The outages of this process."""
