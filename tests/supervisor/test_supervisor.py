"""The supervisor, with small test programs."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.supervisor.process import Program
from campaigns.supervisor.supervisor import BACK_OFF_SECONDS, Supervisor
from tests.supervisor.helpers import is_alive, members_of, wait_until

SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(600)"


class Recorder:
    """A supervisor that records what it reports and the output of its programs."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.lines: list[tuple[str, str]] = []
        self.supervisor = Supervisor(
            self.sentences.append, take=lambda name, line: self.lines.append((name, line))
        )

    def tick_until(self, is_true: object, what: str, seconds: float = 15) -> None:
        assert callable(is_true)

        def look() -> bool:
            self.supervisor.tick()
            return bool(is_true())

        wait_until(look, what, seconds)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    if not recorder.supervisor.is_stopping():
        recorder.supervisor.stop()


def a_program(name: str, code: str = SLEEPER, **values: object) -> Program:
    return Program(name, (sys.executable, "-c", code), **values)  # type: ignore[arg-type]


def test_a_killed_program_is_restarted_and_reported(recorder: Recorder) -> None:
    child = recorder.supervisor.add(a_program("sleeper"))
    recorder.tick_until(lambda: child.state == "running", "running")
    first = child.pid
    assert first is not None
    # The guard is killed, and its program with it.
    os.kill(first, signal.SIGKILL)
    recorder.tick_until(lambda: child.state == "waiting", "the end to be seen")
    assert recorder.sentences == ["sleeper stopped (signal 9); restarting in 0.1 s"]
    wait_until(lambda: members_of(first) == [], "nothing left of the first")
    recorder.tick_until(lambda: child.state == "running", "running again")
    assert child.restarts == 1
    assert child.pid != first
    assert recorder.sentences[-1] == "sleeper is running again"


def test_a_program_that_keeps_ending_waits_longer_each_time(recorder: Recorder) -> None:
    child = recorder.supervisor.add(a_program("broken", "raise SystemExit(4)"))
    recorder.tick_until(lambda: child.failures == 3, "three failures")
    assert recorder.sentences == [
        f"broken stopped (exit code 4); restarting in {pause:g} s" for pause in BACK_OFF_SECONDS[:3]
    ]


def test_an_unhealthy_program_is_reported_once_and_when_it_recovers(
    recorder: Recorder, tmp_path: Path
) -> None:
    sign = tmp_path / "well"
    sign.touch()
    child = recorder.supervisor.add(a_program("web", is_well=sign.exists))
    recorder.tick_until(lambda: child.state == "running", "running")
    sign.unlink()
    recorder.tick_until(lambda: child.state == "troubled", "trouble")
    sign.touch()
    recorder.tick_until(lambda: child.state == "running", "well again")
    assert recorder.sentences == [
        "web is running but does not respond correctly",
        "web responds again",
    ]


def test_programs_stop_one_by_one_in_reverse_order(recorder: Recorder) -> None:
    draining = (
        "import signal, sys, time\n"
        "def drain(*a):\n"
        "    print('drains', flush=True)\n"
        "    time.sleep(0.3)\n"
        "    print('done', flush=True)\n"
        "    sys.exit(0)\n"
        "signal.signal(15, drain)\n"
        "print('up', flush=True)\n"
        "time.sleep(600)"
    )
    names = ["valkey", "worker", "web"]
    for name in names:
        recorder.supervisor.add(a_program(name, draining))
    recorder.tick_until(lambda: len(recorder.lines) == 3, "all up")
    recorder.supervisor.stop()
    assert recorder.lines[3:] == [
        (name, word) for name in reversed(names) for word in ("drains", "done")
    ]
    assert recorder.sentences == ["web stopped", "worker stopped", "valkey stopped"]


def test_a_program_that_does_not_stop_is_killed(recorder: Recorder) -> None:
    deaf = SLEEPER.replace("import time", "import signal, time\nsignal.signal(15, signal.SIG_IGN)")
    child = recorder.supervisor.add(a_program("deaf", deaf, stop_seconds=1))
    recorder.tick_until(lambda: recorder.lines == [("deaf", "up")], "up")
    group = child.pid
    assert group is not None
    recorder.supervisor.stop()
    assert recorder.sentences[0] == "deaf did not stop within 1 s; killing it"
    assert members_of(group) == []


def test_a_second_request_to_stop_ends_everything_at_once(recorder: Recorder) -> None:
    deaf = SLEEPER.replace("import time", "import signal, time\nsignal.signal(15, signal.SIG_IGN)")
    child = recorder.supervisor.add(a_program("deaf", deaf, stop_seconds=60))
    recorder.tick_until(lambda: recorder.lines == [("deaf", "up")], "up")
    group = child.pid
    assert group is not None
    recorder.supervisor.request_stop()
    threading.Timer(0.3, recorder.supervisor.request_stop).start()
    began = time.monotonic()
    recorder.supervisor.stop()
    assert time.monotonic() - began < 30
    assert members_of(group) == []


def test_output_is_prefixed_line_by_line_even_if_it_is_not_text(
    recorder: Recorder,
) -> None:
    code = (
        "import os\n"
        "os.write(1, b'one\\ntwo \\xff\\n')\n"
        "os.write(2, b'to stderr\\n')\n"
        "os.write(1, b'without an end')"
    )
    recorder.supervisor.add(a_program("talker", code))
    recorder.tick_until(lambda: len(recorder.lines) >= 4, "the lines")
    assert recorder.lines == [
        ("talker", "one"),
        ("talker", "two \ufffd"),
        ("talker", "to stderr"),
        ("talker", "without an end"),
    ]


def test_no_program_inherits_a_file_of_the_supervisor(recorder: Recorder) -> None:
    """A sibling that held the death pipe open would keep it from closing."""
    code = (
        "import os, time\n"
        "def is_open(n):\n"
        "    try:\n"
        "        os.fstat(n)\n"
        "    except OSError:\n"
        "        return False\n"
        "    return True\n"
        "print([n for n in range(3, 256) if is_open(n)], flush=True)\n"
        "time.sleep(600)"
    )
    for name in ("one", "two", "three"):
        recorder.supervisor.add(a_program(name, code))
    recorder.tick_until(lambda: len(recorder.lines) == 3, "three lines")
    assert sorted(recorder.lines) == [("one", "[]"), ("three", "[]"), ("two", "[]")]


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from campaigns.supervisor.process import Program\n"
        "from campaigns.supervisor.supervisor import Supervisor\n"
        f"program = lambda name: Program(name, (sys.executable, '-c', {SLEEPER!r}))\n"
        "supervisor = Supervisor(print, take=lambda name, line: None)\n"
        "print(*[supervisor.add(program(str(n))).pid for n in range(3)], flush=True)\n"
        "supervisor.run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    groups = [int(part) for part in process.stdout.readline().split()]
    assert len(groups) == 3
    for group in groups:
        wait_until(lambda group=group: len(members_of(group)) == 2, "guard and program")  # type: ignore[misc]
    process.kill()
    process.wait()
    process.stdout.close()
    for group in groups:
        wait_until(lambda group=group: members_of(group) == [], "nothing left")  # type: ignore[misc]
    assert not is_alive(process.pid)
