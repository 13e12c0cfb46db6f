"""Start programs, restart them when they stop, and stop them in reverse order."""

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from campaigns.supervisor.process import Process, Program

BACK_OFF_SECONDS = (0.1, 0.3, 1, 2, 4, 8, 16, 30)
"""Pause before each further restart, in seconds. The first ones are short: a program that was
killed once is usually healthy, and email waits for it."""
STEADY_SECONDS = 15
"""Time without a failure after which the back-off starts over, in seconds."""
FIRST_CHECK_SECONDS = 0.1
SECOND_TRY_CHECK_SECONDS = 2.0
"""Time that a restarted program must run before it counts as running, in seconds."""
CHECK_SECONDS = 3.0
TICK_SECONDS = 0.05

State = Literal["starting", "running", "troubled", "waiting", "stopped"]


@dataclass
class Child:
    """A supervised program and its state. `restarts` counts since the supervisor started."""

    program: Program
    process: Process | None = None
    state: State = "starting"
    restarts: int = 0
    failures: int = 0
    since: float = 0.0
    next_step: float = 0.0

    @property
    def pid(self) -> int | None:
        """Id of the running process, if any."""
        return self.process.pid if self.process else None


class Supervisor:
    """Supervises programs, in the order of their start.

    `say` gets one sentence per event. `take` gets each line of output with the program's name;
    None: programs write to our output. `on_change` is called after every change of state. `kept`
    are files that stay open in every guard.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        take: Callable[[str, str], None] | None = None,
        on_change: Callable[["Supervisor"], None] | None = None,
        kept: tuple[int, ...] = (),
    ) -> None:
        self.children: list[Child] = []
        self._say, self._take, self._on_change, self._kept = say, take, on_change, kept
        self._stop_requests = 0
        # Python opens both ends close-on-exec: only guards get the read end, and no child the write
        # end.
        self._death_reading, self._death_writing = os.pipe()

    # --- stop requests -----------------------------------------------------------------------

    def is_stopping(self) -> bool:
        """Return whether a stop was requested."""
        return self._stop_requests > 0

    def request_stop(self, *_: object) -> None:
        """Stop in order; on a second Ctrl-C, stop immediately."""
        self._stop_requests += 1

    @contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Treat SIGINT, SIGTERM and SIGHUP (a closed terminal) as stop requests."""

        def on_signal(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGINT or not self.is_stopping():
                self.request_stop()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("signals arrive in the main thread")
        before = {number: signal.signal(number, on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # --- running -----------------------------------------------------------------------------

    def add(self, program: Program, *, before: Child | None = None) -> Child:
        """Start one more program. It stops before those added earlier, but after `before`."""
        child = Child(program)
        place = self.children.index(before) if before else len(self.children)
        self.children.insert(place, child)
        self._start(child)
        return child

    def wait_until_well(self, *children: Child, seconds: float) -> bool:
        """Supervise until these are running. False: it took longer, or a stop was requested."""
        deadline = time.monotonic() + seconds
        while not self.is_stopping() and time.monotonic() < deadline:
            self.tick()
            if all(child.state == "running" for child in children):
                return True
            time.sleep(TICK_SECONDS)
        return False

    def run(self, seconds: float = math.inf) -> None:
        """Supervise for this long, or until a stop is requested."""
        deadline = time.monotonic() + seconds
        while not self.is_stopping() and time.monotonic() < deadline:
            self.tick()
            time.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Check every child once."""
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                if now >= child.next_step:
                    child.restarts += 1
                    self._start(child)
            elif how := child.process.ended():
                self._schedule_restart(child, how)
            elif now >= child.next_step:
                self._check(child)

    def _start(self, child: Child) -> None:
        name = child.program.name
        outer = self._take
        take = None if outer is None else (lambda line: outer(name, line))
        child.process = Process(child.program, self._death_reading, self._kept, take)
        child.since = time.monotonic()
        pause = SECOND_TRY_CHECK_SECONDS if child.restarts else FIRST_CHECK_SECONDS
        child.next_step = child.since + pause
        self._set_state(child, "starting")

    def _schedule_restart(self, child: Child, how: str) -> None:
        now = time.monotonic()
        if child.state == "running" and now - child.since >= STEADY_SECONDS:
            child.failures = 0
        pause = BACK_OFF_SECONDS[min(child.failures, len(BACK_OFF_SECONDS) - 1)]
        child.failures += 1
        if child.process is not None:
            child.process.finish_output()
        child.process = None
        child.next_step = now + pause
        self._say(f"{child.program.name} stopped ({how}); restarting in {pause:g} s")
        self._set_state(child, "waiting")

    def _check(self, child: Child) -> None:
        is_well = child.program.is_well()
        now = time.monotonic()
        if is_well and child.state != "running":
            if child.state == "troubled":
                self._say(f"{child.program.name} responds again")
            elif child.restarts:
                self._say(f"{child.program.name} is running again")
            child.since = now
            self._set_state(child, "running")
        elif not is_well and child.state == "running":
            self._say(f"{child.program.name} is running but does not respond correctly")
            self._set_state(child, "troubled")
        child.next_step = now + (
            FIRST_CHECK_SECONDS if child.state == "starting" else CHECK_SECONDS
        )

    def _set_state(self, child: Child, state: State) -> None:
        child.state = state
        if self._on_change:
            self._on_change(self)

    # --- stopping ----------------------------------------------------------------------------

    def stop(self, *, at_once: bool = False) -> None:
        """Stop everything in reverse order, or all `at_once`.

        Another Ctrl-C kills the rest.
        """
        limit = self._stop_requests + 1 if self.is_stopping() else 2
        self._stop_requests = max(self._stop_requests, 1)
        if at_once:
            for child in self.children:
                if child.process is not None:
                    child.process.signal(child.program.stop_signal)
        for child in reversed(self.children):
            if child.process is not None:
                if not at_once:
                    child.process.signal(child.program.stop_signal)
                self._wait_for_end(child, child.process, limit)
            child.process = None
            self._set_state(child, "stopped")
        os.close(self._death_writing)
        os.close(self._death_reading)

    def _wait_for_end(self, child: Child, process: Process, limit: int) -> None:
        deadline = time.monotonic() + child.program.stop_seconds
        while process.ended() is None:
            if self._stop_requests >= limit:
                process.kill()
            elif time.monotonic() > deadline:
                self._say(
                    f"{child.program.name} did not stop within"
                    f" {child.program.stop_seconds:.0f} s; killing it"
                )
                process.kill()
            time.sleep(TICK_SECONDS / 2)
        process.finish_output()
        self._say(f"{child.program.name} stopped")
