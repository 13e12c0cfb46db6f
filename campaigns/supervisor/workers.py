"""`campaigns worker`: one process for transactional email and background work, others to send."""

import os

import click

from campaigns.config import Settings
from campaigns.supervisor.process import Program, own_command
from campaigns.supervisor.supervisor import Supervisor

MAX_SENDERS = 4
"""Largest number of sending processes; with fewer processors, one for each. Beyond this, mail
servers or the database are the bottleneck."""

DRAIN_SECONDS = 20
"""Time limit for finishing a slice of work, in seconds; it usually takes one."""


HEAD_START_SECONDS = 1.0
"""Time for which the first sender starts alone, in seconds. After a kill, email waits until it has
imported its modules, which takes longer while the others compete for the processor."""


def worker_lanes(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the lanes of each process, most urgent first.

    Opt-in and transactional email never waits: neither campaigns nor imports can keep all processes
    busy. A process sends only as fast as one processor can render, so each processor gets one.
    """
    lanes = {"send": ("send", "transactional"), "background": ("transactional", "background")}
    return lanes | {f"send {number}": ("send",) for number in range(2, senders(settings) + 1)}


def senders(settings: Settings) -> int:
    """Return the number of processes that send campaigns."""
    return settings.send_workers or min(os.cpu_count() or 1, MAX_SENDERS)


def run_workers(settings: Settings) -> None:
    """Run all workers until SIGTERM or SIGINT, then finish their slices."""
    supervisor = Supervisor(lambda sentence: click.echo(sentence, err=True))
    with supervisor.handling_signals():
        try:
            for number, (name, lanes) in enumerate(worker_lanes(settings).items()):
                if number == 1:
                    supervisor.run(HEAD_START_SECONDS)
                options = [part for lane in lanes for part in ("--lane", lane)]
                supervisor.add(
                    Program(
                        f"worker for {name}",
                        own_command("worker", *options),
                        stop_seconds=DRAIN_SECONDS,
                    )
                )
            supervisor.run()
        finally:
            supervisor.stop(at_once=True)
