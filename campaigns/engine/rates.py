"""Measure the speed of an outbox from its count of finished messages."""

from collections import deque

MINIMUM_INTERVAL_SECONDS = 0.1
WINDOW_SAMPLES = 5


class SmoothedRate:
    """Messages per second, which rises at once and falls slowly.

    So an outbox does not run dry after a short pause.
    """

    __slots__ = ("_counted", "_measured_at", "_rate")

    def __init__(self, now: float) -> None:
        self._rate, self._measured_at, self._counted = 0.0, now, 0

    def measure(self, finished: int, now: float) -> float:
        """Return the rate; `finished` is the count so far, `now` by a monotonic clock."""
        elapsed = now - self._measured_at
        if elapsed >= MINIMUM_INTERVAL_SECONDS:
            rate = (finished - self._counted) / elapsed
            self._rate = max(rate, self._rate * 0.8 + rate * 0.2)
            self._measured_at, self._counted = now, finished
        return self._rate


class WindowRate:
    """Messages per second over the last few samples."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=WINDOW_SAMPLES)

    def clear(self) -> None:
        """Forget all samples."""
        self._samples.clear()

    def sample(self, finished: int, now: float) -> float | None:
        """Add a sample and return the mean rate; None until the window is full."""
        self._samples.append((now, finished))
        if len(self._samples) < WINDOW_SAMPLES:
            return None
        since, before = self._samples[0]
        return (finished - before) / (now - since)
