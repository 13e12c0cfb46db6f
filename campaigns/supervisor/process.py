"""A program and its process, run by a guard."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from campaigns.supervisor import guard

KILL_WAIT_SECONDS = 5

LineTaker = Callable[[str], None]
"""Takes one line of output, without its line ending."""


def _alive_is_enough() -> bool:
    return True


@dataclass(frozen=True)
class Program:
    """What to run, how to check its health, and how to stop it.

    `is_well` is called only while the process lives, and must return within about a second.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_well: Callable[[], bool] = _alive_is_enough
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15


def own_command(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs this installation's `campaigns`, with this Python."""
    return (sys.executable, "-P", "-m", "campaigns.cli", *arguments)


class Process:
    """A running program. It leads its own group and session, so Ctrl-C does not reach it."""

    def __init__(
        self, program: Program, death_pipe: int, kept: Sequence[int], take: LineTaker | None
    ) -> None:
        """Start it. `take` gets every line of output; None: the program writes to our output."""
        self.program = program
        reading, writing = os.pipe() if take else (-1, -1)
        descriptors = (death_pipe, reading, *kept)
        # -I -S: the guard needs only the standard library, and starts faster.
        command = [
            sys.executable, "-I", "-S", str(Path(guard.__file__)),
            ",".join(map(str, descriptors)), *program.command,
        ]  # fmt: skip
        try:
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=writing if take else None,
                stderr=writing if take else None,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
                pass_fds=[number for number in descriptors if number >= 0],
                start_new_session=True,
            )
        except BaseException:
            if take:
                os.close(reading)
            raise
        finally:
            if take:
                os.close(writing)
        self._pump = threading.Thread(target=_pump, args=(reading, take), daemon=True)
        if take:
            self._pump.start()

    @property
    def pid(self) -> int:
        """The pid of the guard, which is also the group's id."""
        return self._guard.pid

    def ended(self) -> str | None:
        """Return how the program ended, in words; None while it runs."""
        code = self._guard.poll()
        if code is None:
            return None
        self.kill()  # the rest of its group, or all of it if the guard died
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def signal(self, number: signal.Signals) -> None:
        """Signal the program through its guard."""
        if self._guard.poll() is None:
            self._guard.send_signal(number)

    def kill(self) -> None:
        """End the whole group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._guard.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(KILL_WAIT_SECONDS)

    def finish_output(self) -> None:
        """Wait until all output of an ended program has been read."""
        if self._pump.ident is not None:
            self._pump.join(1)


def _pump(reading: int, take: LineTaker) -> None:
    stream: IO[bytes]
    with os.fdopen(reading, "rb", buffering=65536) as stream:
        while line := stream.readline(65536):
            take(line.decode("utf-8", "replace").rstrip("\r\n"))
