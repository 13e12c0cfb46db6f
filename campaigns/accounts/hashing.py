"""Password hashes, slow and memory-hard on purpose, so only a few are computed at once.

Each takes 64 MB. Without a limit, a hundred parallel logins would use up the machine's memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

MAX_AT_ONCE = 2
MAX_WAITING = 2
"""Largest number of waiting callers; each of them occupies a web thread."""
LONGEST_WAIT_SECONDS = 3.0


class PasswordCheckBusyError(RuntimeError):
    """Too many passwords are being checked or set; try again shortly."""


class Slots:
    """A limited number of slots, and of callers waiting for one."""

    def __init__(self, places: int, waiting: int, longest_wait_seconds: float) -> None:
        self._admitted = BoundedSemaphore(places + waiting)
        self._running = BoundedSemaphore(places)
        self._longest_wait_seconds = longest_wait_seconds

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot. Raises PasswordCheckBusyError if none becomes free in time."""
        if not self._admitted.acquire(blocking=False):
            raise PasswordCheckBusyError
        try:
            if not self._running.acquire(timeout=self._longest_wait_seconds):
                raise PasswordCheckBusyError
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._admitted.release()


slots = Slots(MAX_AT_ONCE, MAX_WAITING, LONGEST_WAIT_SECONDS)
