"""Run one program, and end it when the supervisor is gone.

Started as `python -I -S guard.py FDS program argument...`, as the leader of a new process group.
FDS are file descriptors, joined by commas: the read end of the death pipe, the read end of the
program's output or -1, and others that only have to stay open (the lock: it is held until the last
guard is gone).

Only the supervisor holds the write end of the death pipe. However it ends, even by kill -9, the
kernel closes that end and the guard reads end-of-file. This works on every Unix. This file imports
only the standard library, so that it starts in a few milliseconds.
"""

import contextlib
import os
import select
import signal
import sys
import time
from types import FrameType

GRACE_SECONDS = 10.0
"""Time between SIGTERM and SIGKILL once the supervisor is gone, in seconds."""

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Return the program's exit status, or end by the signal that ended the program."""
    descriptors = [int(number) for number in arguments[0].split(",")]
    death, output = descriptors[:2]
    for descriptor in descriptors:
        if descriptor >= 0:
            os.set_inheritable(descriptor, False)
    wake = _wake_up_pipe()
    # A signal that comes before the program has a pid waits until it can be forwarded.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    pid = _start(arguments[1:])
    _forward_signals(pid)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    status = _watch(pid, death, output, wake)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return os.waitstatus_to_exitcode(status)


def _wake_up_pipe() -> int:
    """Return a pipe that becomes readable at every signal, SIGCHLD included."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reading


def _start(command: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for number in (*FORWARDED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        os.execvp(command[0], command)  # noqa: S606 (the supervisor's own command)
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _forward_signals(pid: int) -> None:
    def forward(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in FORWARDED:
        signal.signal(number, forward)


def _watch(pid: int, death: int, output: int, wake: int) -> int:
    """Wait for the program's end; return its wait status."""
    watched = [death, wake]
    deadline = 0.0
    while True:
        ready, _, _ = select.select(watched, [], [], 0.2 if deadline else None)
        if wake in ready:
            os.read(wake, 512)
        if death in ready and not os.read(death, 1):
            deadline = time.monotonic() + GRACE_SECONDS
            _signal_group(signal.SIGTERM)
            # Nobody reads the output now, and a full pipe must not block the program's shutdown.
            watched = [wake] if output < 0 else [wake, output]
        if output in ready and not os.read(output, 65536):
            watched = [wake]
        done, status = os.waitpid(pid, os.WNOHANG)
        if deadline and (done or time.monotonic() > deadline):
            # This also ends the guard and everything the program left behind.
            os.killpg(0, signal.SIGKILL)
        if done:
            return status


def _signal_group(number: signal.Signals) -> None:
    """Signal the whole group except this process: a second signal would mean "at once"."""
    signal.signal(number, signal.SIG_IGN)
    os.killpg(0, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
