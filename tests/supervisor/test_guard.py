"""The guard: no process outlives its supervisor or is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.supervisor import guard
from tests.supervisor.helpers import is_alive, members_of, wait_until


class Guarded:
    """A guard that runs a Python program, with the writing end of its death pipe."""

    def __init__(self, code: str) -> None:
        reading, self.writing = os.pipe()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                guard.__file__,
                f"{reading},-1",
                sys.executable,
                "-u",
                "-c",
                code,
            ],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[reading],
            start_new_session=True,
        )
        os.close(reading)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def close_pipe(self) -> None:
        """Close the pipe, as the kernel does when the supervisor dies."""
        os.close(self.writing)
        self.writing = -1

    def end(self) -> None:
        if self.writing >= 0:
            self.close_pipe()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def guarded() -> Iterator[list[Guarded]]:
    """A list of guards that are ended after the test."""
    started: list[Guarded] = []
    yield started
    for entry in started:
        entry.end()


def test_the_exit_status_is_passed_on(guarded: list[Guarded]) -> None:
    guarded.append(Guarded("raise SystemExit(7)"))
    assert guarded[0].process.wait(10) == 7


def test_the_deadly_signal_is_passed_on(guarded: list[Guarded]) -> None:
    guarded.append(Guarded("import os; os.kill(os.getpid(), 9)"))
    assert guarded[0].process.wait(10) == -signal.SIGKILL


def test_a_missing_program_is_reported_and_exits_with_127() -> None:
    reading, writing = os.pipe()
    done = subprocess.run(
        [sys.executable, "-I", "-S", guard.__file__, f"{reading},-1", "/no/such/program"],
        capture_output=True, text=True, pass_fds=[reading], check=False,
    )  # fmt: skip
    os.close(reading)
    os.close(writing)
    assert done.returncode == 127
    assert "cannot start /no/such/program: No such file" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_forwarded_to_the_program(
    guarded: list[Guarded], number: signal.Signals
) -> None:
    code = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *a: (print('got it'), sys.exit(3)))\n"
        "print('ready')\n"
        "time.sleep(600)"
    )
    guarded.append(Guarded(code))
    assert guarded[0].line() == "ready"
    guarded[0].process.send_signal(number)
    assert guarded[0].line() == "got it"
    assert guarded[0].process.wait(10) == 3


def test_the_program_is_asked_to_end_once_when_the_supervisor_dies(
    guarded: list[Guarded],
) -> None:
    code = (
        "import signal, sys, time\n"
        "count = 0\n"
        "def on(*a):\n"
        "    global count\n"
        "    count += 1\n"
        "signal.signal(15, on)\n"
        "print('ready')\n"
        "end = time.monotonic() + 1\n"
        "while not count: time.sleep(0.02)\n"
        "time.sleep(0.3)\n"
        "print('drained after', count)"
    )
    guarded.append(Guarded(code))
    assert guarded[0].line() == "ready"
    guarded[0].close_pipe()
    assert guarded[0].line() == "drained after 1"
    guarded[0].process.wait(10)


def test_children_of_the_program_end_with_it(guarded: list[Guarded]) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid)\n"
        "time.sleep(600)"
    )
    guarded.append(Guarded(code))
    grandchild = int(guarded[0].line())
    guarded[0].close_pipe()
    wait_until(lambda: not is_alive(grandchild), "the grandchild's end")
    guarded[0].process.wait(10)
    wait_until(lambda: members_of(guarded[0].process.pid) == [], "the group's end")


@pytest.mark.process
def test_a_program_that_ignores_signals_is_killed_after_the_grace_period(
    guarded: list[Guarded],
) -> None:
    code = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf')\ntime.sleep(600)"
    guarded.append(Guarded(code))
    assert guarded[0].line() == "deaf"
    guarded[0].close_pipe()
    began = time.monotonic()
    guarded[0].process.wait(guard.GRACE_SECONDS + 10)
    assert time.monotonic() - began > guard.GRACE_SECONDS - 1
    wait_until(lambda: members_of(guarded[0].process.pid) == [], "the group's end")


def test_the_guard_needs_nothing_but_the_standard_library() -> None:
    text = Path(guard.__file__).read_text()
    assert "campaigns" not in text.replace("campaigns up", "")
