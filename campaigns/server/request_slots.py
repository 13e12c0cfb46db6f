"""Limit the requests in one phase: in total and per client."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class NoSlotError(Exception):
    """No slot is free. `is_client`: this client holds too many itself."""

    def __init__(self, *, is_client: bool) -> None:
        super().__init__()
        self.is_client = is_client


class RequestSlots:
    """Counts the requests in one phase. For the event loop alone: not safe across threads."""

    def __init__(self, *, total: int, per_client: int) -> None:
        self._total, self._per_client = total, per_client
        self._taken: Counter[str] = Counter()
        self._count = 0

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Hold a slot for this client. Raises NoSlotError."""
        if self._taken.get(client, 0) >= self._per_client:
            raise NoSlotError(is_client=True)
        if self._count >= self._total:
            raise NoSlotError(is_client=False)
        self._taken[client] += 1
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]
