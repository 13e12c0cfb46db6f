"""Limit how slow a client may be."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

GRACE_SECONDS = 10.0
"""Time without any progress before a client is given up, in seconds."""
MIN_BYTES_PER_SECOND = 4096
"""Rate below which a client is given up, once its grace is used up."""


class TooSlowError(Exception):
    """The client sends or reads too slowly."""


class MinimumRate:
    """The time a transfer still has.

    It starts with the grace, and every byte earns a little more, up to the grace again: a burst
    at the start does not pay for a long silence. `total_seconds` ends it in any case.
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
        """Count `size` bytes that went through just now."""
        self._until = min(self._until + size / self._rate, self._clock() + self._grace)

    async def wait(self, step: Awaitable[T]) -> T:
        """Wait for one step of the transfer. Raises TooSlowError at the deadline."""
        try:
            async with asyncio.timeout_at(self.deadline):
                return await step
        except TimeoutError:
            raise TooSlowError from None
