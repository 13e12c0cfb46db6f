"""Shared by tests of processes: waiting, the process table, a running `campaigns up`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from campaigns.supervisor import status
from tests.product import free_port


def wait_until(is_true: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for a condition; fail the test, naming `what`, if it does not come true."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"timed out after {seconds:.0f} s: {what}"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")


def members_of(group: int) -> list[int]:
    """The running processes of a process group."""
    table = subprocess.run(
        ["ps", "-e", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in table.splitlines()]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == group and state[0] != "Z"]


def descendants_of(pid: int) -> list[int]:
    """The running descendants of a process."""
    table = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in table.splitlines()]
    found, parents = [], {pid}
    while parents:
        children = {int(row[0]) for row in rows if int(row[1]) in parents and row[2][0] != "Z"}
        found += sorted(children)
        parents = children
    return found


def processes_mentioning(text: str) -> list[str]:
    """The IDs and command lines of running processes whose command line contains this text."""
    table = subprocess.run(
        ["ps", "-e", "-ww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    return [
        f"{row[0]} {row[2]}"
        for row in rows
        if len(row) == 3 and row[1][0] != "Z" and text in row[2] and int(row[0]) != os.getpid()
    ]


def kill_descendants(text: str, ancestor: int) -> int:
    """Kill the descendants of a process whose command line contains this text; return their number.

    As the kernel does when memory runs out. Those that are just being started are waited for.
    """
    found: list[int] = []

    def is_running() -> bool:
        found[:] = _descendants(text, ancestor)
        return bool(found)

    wait_until(is_running, f"{text} is running")
    return sum(_is_killed(pid) for pid in found)


def _is_killed(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # a worker ends with its supervisor, which was killed just now
        return False
    return True


def _descendants(text: str, ancestor: int) -> list[int]:
    table = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = {int(row.split()[0]): int(row.split()[1]) for row in table.splitlines()}

    def is_below(pid: int) -> bool:
        while pid in parents and pid != ancestor:
            pid = parents[pid]
        return pid == ancestor

    lines = [line for line in processes_mentioning(text) if "guard" not in line]
    return [pid for line in lines if is_below(pid := int(line.split()[0]))]


class RunningUp:
    """A `campaigns up` in its own data directory; `through` is a command that executes it."""

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.output = data_dir.parent / "up.log"
        with self.output.open("ab") as file:
            self.process = subprocess.Popen(
                [*through, sys.executable, "-P", "-m", "campaigns.cli", "up", *options],
                stdout=file,
                stderr=file,
                cwd=data_dir.parent,
                env={
                    **os.environ,
                    "DATA_DIR": str(data_dir),
                    "PORT": str(self.port),
                    "SEND_WORKERS": "1",
                    **(environment or {}),
                },
            )

    def text(self) -> str:
        return self.output.read_text()

    def wait_until_ready(self, times: int = 1) -> None:
        """Wait until it is ready; `times` counts this run and earlier ones in this folder."""
        wait_until(
            lambda: self.text().count("is ready") >= times or self.process.poll() is not None,
            "ready",
            60,
        )
        assert self.process.poll() is None, self.text()

    def groups(self) -> dict[str, int]:
        """The process group of each running program."""
        found = status.read(self.data_dir)
        assert found is not None
        return {entry.name: entry.pid for entry in found.processes if entry.pid}

    def restarts(self, name: str) -> int:
        found = status.read(self.data_dir)
        assert found is not None
        return next(entry.restarts for entry in found.processes if entry.name == name)

    def end(self) -> None:
        """Stop it, whatever the test did."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
