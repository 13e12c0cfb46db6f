"""Give every client a fair share of the threads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class _Client:
    turns: asyncio.Semaphore
    users: int = 0


class ThreadShares:
    """Limits the threads that each client uses at once; its other requests wait."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._clients: dict[str, _Client] = {}

    @asynccontextmanager
    async def one(self, client: str) -> AsyncIterator[None]:
        """Wait for one of this client's threads, and hold it."""
        entry = self._clients.get(client)
        if entry is None:
            entry = self._clients[client] = _Client(asyncio.Semaphore(self._share))
        entry.users += 1
        try:
            async with entry.turns:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._clients[client]
