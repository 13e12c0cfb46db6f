"""Limit how slow a client may be."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

GRACE_SECONDS = 10.0
"""Time without progress after which a client is disconnected, in seconds."""
MIN_BYTES_PER_SECOND = 4096
"""Rate below which a client is disconnected once its grace is used up."""


class TooSlowError(Exception):
    """The client sends or reads too slowly."""


class MinimumRate:
    """The time that a transfer has left.

    It starts with the grace period. Every byte earns time, up to the grace period again, so a burst
    at the start cannot buy a long silence. `total_seconds` is the limit in any case.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        total_seconds: float,
        grace_seconds: float = GRACE_SECONDS,
        bytes_per_second: int = MIN_BYTES_PER_SECOND,
    ) -> None:
        self._clock, self._grace, self._rate = clock, grace_seconds, bytes_per_second
        self._end = clock() + total_seconds
        self._until = clock() + grace_seconds

    @property
    def deadline(self) -> float:
        """Return when the transfer times out unless more bytes pass."""
        return min(self._until, self._end)

    def passed(self, size: int) -> None:
        """Count `size` bytes transferred now."""
        self._until = min(self._until + size / self._rate, self._clock() + self._grace)

    async def wait(self, step: Awaitable[T]) -> T:
        """Await one step of the transfer. Raises TooSlowError at the deadline."""
        try:
            async with asyncio.timeout_at(self.deadline):
                return await step
        except TimeoutError:
            raise TooSlowError from None
