"""Pace the messages of a limited account in this worker."""

from collections import deque

CATCH_UP_SECONDS = 0.03
"""Delay of a message up to which the following ones keep their times, in seconds."""


class Pacer:
    """Send times granted by the limiter, used one by one; by `time.monotonic`.

    Even late messages leave no faster than the pace, apart from CATCH_UP_SECONDS, so a pause causes
    no burst. If more messages wait than times were granted (the limit is newer), the pace
    continues.
    """

    __slots__ = ("_every", "_grants", "_next")

    def __init__(self) -> None:
        self._grants: deque[tuple[float, float, int]] = deque()
        """(first time, interval in seconds, number left)"""
        self._next = 0.0
        self._every = 0.0

    def add(self, first: float, every: float, count: int) -> None:
        """Allow this many more messages from this time on, `every` seconds apart."""
        self._every = every
        if count:
            self._grants.append((first, every, count))

    def due_at(self, now: float) -> float:
        """Return when the next message may leave."""
        grants = self._grants
        while len(grants) > 1 and grants[0][0] + grants[0][1] * grants[0][2] < now:
            grants.popleft()  # its messages were released, or are late
        return max(grants[0][0], self._next) if grants else self._next

    def use(self, now: float) -> None:
        """Count a message that leaves now."""
        moment = max(self.due_at(now), now - CATCH_UP_SECONDS)
        if self._grants:
            first, self._every, left = self._grants.popleft()
            if left > 1:
                self._grants.appendleft((first + self._every, self._every, left - 1))
        self._next = moment + self._every
