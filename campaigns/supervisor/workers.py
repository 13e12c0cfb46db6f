"""`campaigns worker`: one process per group of lanes."""

import click

from campaigns.supervisor.process import Program, own_command
from campaigns.supervisor.supervisor import Supervisor

WORKERS: dict[str, tuple[str, ...]] = {
    "background": ("transactional", "background"),
    "send": ("send", "transactional"),
}
"""The lanes of each process, most urgent first. Opt-in and transactional mail has a process of
its own in all but name: neither a campaign nor an import can keep both busy."""

DRAIN_SECONDS = 20
"""A slice of work takes about a second; more than this means that it hangs."""


def run_workers() -> None:
    """Run both until SIGTERM or SIGINT, then let them finish their slices."""
    supervisor = Supervisor(lambda sentence: click.echo(sentence, err=True))
    with supervisor.handling_signals():
        try:
            for name, lanes in WORKERS.items():
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
            supervisor.stop()
