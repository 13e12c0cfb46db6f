"""`campaigns worker`: one process for transactional email and background work, others that send."""

import os

import click

from campaigns.config import Settings
from campaigns.supervisor.process import Program, own_command
from campaigns.supervisor.supervisor import Supervisor

MAX_SENDERS = 4
"""As many as there are processors, but no more: by then the servers at the other end, or the
database, are what is slow."""

DRAIN_SECONDS = 20
"""Time for a slice of work, which takes about a second; a longer one hangs."""


HEAD_START_SECONDS = 1.0
"""Time for the first sender to start alone. After a kill, email waits for its imports, which take
half as long again while the others compete for the processor."""


def worker_lanes(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the lanes of each process, most urgent first.

    Opt-in and transactional mail has a process of its own in all but name: neither a campaign
    nor an import can keep all busy. One process sends no more than one processor can make, so
    there is one for each.
    """
    lanes = {"send": ("send", "transactional"), "background": ("transactional", "background")}
    return lanes | {f"send {number}": ("send",) for number in range(2, senders(settings) + 1)}


def senders(settings: Settings) -> int:
    """Return the number of processes that send campaigns."""
    return settings.send_workers or min(os.cpu_count() or 1, MAX_SENDERS)


def run_workers(settings: Settings) -> None:
    """Run all workers until SIGTERM or SIGINT, then let them finish their slices."""
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
