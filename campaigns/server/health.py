"""GET /health, which must not wait for a thread of the pool."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from campaigns.public.health import is_database_well

FRESH_SECONDS = 1.0
"""Age from which a request starts a new look at the database, in seconds."""
STALE_SECONDS = 10.0
"""Age from which a look no longer counts, in seconds."""
WAIT_SECONDS = 0.1
"""Time that a request waits for the new look, where the last one is stale."""


class Health:
    """Looks at the database in a thread of its own, however often it is asked."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._thread = ThreadPoolExecutor(1, "health")
        self._look: asyncio.Future[bool] | None = None
        self._looked_at = -STALE_SECONDS
        self._was_well = False

    async def is_well(self) -> bool:
        """Return whether the database answered just now."""
        age = time.monotonic() - self._looked_at
        if age >= FRESH_SECONDS:
            look = self._begin()
            if age >= STALE_SECONDS:
                await asyncio.wait([look], timeout=WAIT_SECONDS)
        return self._was_well and time.monotonic() - self._looked_at < STALE_SECONDS

    def close(self) -> None:
        """End the thread that asks."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> "asyncio.Future[bool]":
        if self._look is None:
            self._look = asyncio.get_running_loop().run_in_executor(self._thread, self._ask)
            self._look.add_done_callback(self._done)
        return self._look

    def _ask(self) -> bool:
        with self._app.app_context():
            return is_database_well()

    def _done(self, look: "asyncio.Future[bool]") -> None:
        self._look = None
        self._looked_at = time.monotonic()
        self._was_well = not look.cancelled() and look.exception() is None and look.result()
