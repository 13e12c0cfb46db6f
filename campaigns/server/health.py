"""GET /health, which must not wait for a pool thread."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from campaigns.public.health import is_database_well

FRESH_SECONDS = 1.0
"""Age of a result from which a request starts a new check, in seconds."""
STALE_SECONDS = 10.0
"""Age from which a result no longer counts, in seconds."""
WAIT_SECONDS = 0.1
"""Time that a request waits for a new check if the last one is stale, in seconds."""


class Health:
    """Checks the database in its own thread, at a rate that does not depend on requests."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._thread = ThreadPoolExecutor(1, "health")
        self._look: asyncio.Future[bool] | None = None
        self._looked_at = -STALE_SECONDS
        self._was_well = False

    async def is_well(self) -> bool:
        """Return whether the database answered recently."""
        age = time.monotonic() - self._looked_at
        if age >= FRESH_SECONDS:
            look = self._begin()
            if age >= STALE_SECONDS:
                await asyncio.wait([look], timeout=WAIT_SECONDS)
        return self._was_well and time.monotonic() - self._looked_at < STALE_SECONDS

    def close(self) -> None:
        """End the checking thread."""
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
