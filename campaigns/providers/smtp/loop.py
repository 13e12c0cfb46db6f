"""The event loop for all connections of a process, in one thread.

It uses `selectors` and plain sockets: coroutines cost twice as much per message.
"""

import contextlib
import heapq
import itertools
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

log = structlog.get_logger()

TICK_SECONDS = 0.2

Ready = Callable[[int], None]
"""Called with a mask of selectors.EVENT_READ and EVENT_WRITE."""


class Ticking(Protocol):
    """Something that the loop calls every TICK_SECONDS."""

    def tick(self, now: float) -> bool:
        """Check timeouts. False: stop calling until the next `Loop.watch`."""
        ...


class Loop:
    """Runs registered callbacks, in one daemon thread named "smtp"."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        """When the loop last woke up; accurate enough for timeouts."""
        self._selector = selectors.DefaultSelector()
        self._queue: deque[Callable[[], None]] = deque()
        self._is_woken = False
        self._is_stopping = False
        self._ticking: set[Ticking] = set()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._run_queue)
        self._thread = threading.Thread(target=self._run, name="smtp", daemon=True)
        self._thread.start()

    # --- from any thread ----------------------------------------------------------------------

    def soon(self, call: Callable[[], None]) -> None:
        """Call this in the loop's thread."""
        self._queue.append(call)
        if not self._is_woken:
            self._is_woken = True
            try:
                self._wake_writer.send(b".")
            except BlockingIOError:
                pass  # the pipe is full, so the loop will wake up anyway
            except OSError:
                self._is_woken = False  # stopped

    @property
    def is_here(self) -> bool:
        """Return whether the caller runs in the loop's thread."""
        return threading.current_thread() is self._thread

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and not self._is_stopping

    def stop(self) -> None:
        """End the thread. Open connections stay as they are."""
        self._is_stopping = True
        self.soon(lambda: None)
        if not self.is_here:
            self._thread.join(5)

    # --- in the loop's thread -----------------------------------------------------------------

    def register(self, sock: socket.socket, ready: Ready) -> None:
        self._selector.register(sock, selectors.EVENT_READ, ready)

    def wants(self, sock: socket.socket, mask: int, ready: Ready) -> None:
        self._selector.modify(sock, mask, ready)

    def unregister(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)

    def watch(self, ticking: Ticking) -> None:
        """Call its `tick` about every TICK_SECONDS until it returns False."""
        self._ticking.add(ticking)

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Call this at this time, by `time.monotonic`, or soon after."""
        heapq.heappush(self._timers, (moment, next(self._order), call))

    def _run(self) -> None:
        next_tick = 0.0
        while not self._is_stopping:
            try:
                events = self._selector.select(self._select_timeout(next_tick))
                self.now = time.monotonic()
                for key, mask in events:
                    key.data(mask)
                if self._timers:
                    self._call_due()
                if self.now >= next_tick:
                    next_tick = self.now + TICK_SECONDS
                    self._tick()
            except Exception:
                log.exception("an error in the smtp thread")
                time.sleep(0.01)
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def _select_timeout(self, next_tick: float) -> float | None:
        """Return how long to wait for bytes, in seconds; None: until some come."""
        moments = [next_tick] if self._ticking else []
        if self._timers:
            moments.append(self._timers[0][0])
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _call_due(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            _, _, call = heapq.heappop(self._timers)
            self._try(call)

    def _run_queue(self, mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_reader.recv(4096)
        self._is_woken = False
        for _ in range(len(self._queue)):
            self._try(self._queue.popleft())

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception("a call in the smtp thread failed")

    def _tick(self) -> None:
        for ticking in tuple(self._ticking):
            try:
                if not ticking.tick(self.now):
                    self._ticking.discard(ticking)
            except Exception:
                log.exception("a timer in the smtp thread failed")


_lock = threading.Lock()
_shared: Loop | None = None
_shared_by = 0


def shared_loop() -> Loop:
    """Return the loop of this process, started on first use. A forked child gets its own."""
    global _shared, _shared_by
    with _lock:
        if _shared is None or _shared_by != os.getpid() or not _shared.is_alive:
            _shared, _shared_by = Loop(), os.getpid()
        return _shared


def stop_shared_loop() -> None:
    """Stop the shared loop. For tests, so that nothing keeps running into the next one."""
    global _shared
    with _lock:
        if _shared is not None and _shared_by == os.getpid():
            _shared.stop()
        _shared = None
