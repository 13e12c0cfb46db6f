"""Password hashes: slow and large on purpose, so only a few are computed at the same time.

Each one takes 64 MB. Without a cap, a hundred parallel logins would take the memory of everything
else on the machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

MOST_AT_ONCE = 2
MOST_WAITING = 2
"""Few, because everyone who waits holds one of the threads that serve pages."""
LONGEST_WAIT_SECONDS = 3.0


class PasswordCheckBusyError(RuntimeError):
    """Too many passwords are being checked or set at this moment; try again shortly."""


class Slots:
    """A number of places, and a number of callers who may wait for one."""

    def __init__(self, places: int, waiting: int, longest_wait_seconds: float) -> None:
        self._admitted = BoundedSemaphore(places + waiting)
        self._running = BoundedSemaphore(places)
        self._longest_wait_seconds = longest_wait_seconds

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a place. Raises PasswordCheckBusyError when none becomes free in time."""
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


slots = Slots(MOST_AT_ONCE, MOST_WAITING, LONGEST_WAIT_SECONDS)
