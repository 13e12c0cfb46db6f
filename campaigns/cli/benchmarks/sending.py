"""Measure sending from launch to last reply, compared with Postfix's load generator.

Everything is real: a migrated database, Valkey, worker processes, RQ, the limiter, the journal, the
deliveries, and an SMTP server on loopback that discards messages.
"""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import click
import sqlalchemy as sa

from campaigns.campaign.models import Delivery
from campaigns.cli.benchmarks import audience, environment
from campaigns.cli.benchmarks.audience import Audience
from campaigns.cli.benchmarks.environment import Environment, Workers
from campaigns.db import db
from campaigns.engine.provider_pool import MAX_CONNECTIONS
from campaigns.supervisor.workers import senders

Say = Callable[[str], None]
Figures = dict[str, object]

SESSIONS, REFERENCE_BYTES = 10, 14_000
PLAIN_SHARE = 4
"""Divisor of the audience for a server without pipelining, which is slow."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The result of one campaign. CPU time is in microseconds per message; None: unknown."""

    per_second: float
    expand_seconds: float
    worker_us: float | None
    database_us: float | None
    message_bytes: int


def measure(
    place: Environment, say: Say, *, recipients: int, workers: int = 0, runs: int = 3
) -> Figures:
    """Measure ours and the reference in turn, on the same server; return the median of each.

    `workers`: sending processes; 0: the product's default on this machine. Together they open as
    many connections as the reference.
    """
    workers = workers or senders(place.settings)
    everyone = people(recipients, say)
    ours, references = [], []
    with place.workers(*[environment.SENDING_LANES] * workers) as running:
        for number in range(1, runs + 1):
            ours.append(_send(everyone, place.port, running, SESSIONS))
            references.append(_reference(place, recipients))
            say(f"run {number}: {ours[-1].per_second:,.0f} per second,"
                f" the reference {references[-1].per_second:,.0f}")  # fmt: skip
        peak = running.peak_mb()
    rates = [run.per_second for run in ours]
    other_rates = [reference.per_second for reference in references]
    ratios = [rate / other for rate, other in zip(rates, other_rates, strict=True) if other]
    worker_us, database_us = (
        _median_known([run.worker_us for run in ours]),
        _median_known([run.database_us for run in ours]),
    )
    total = worker_us + database_us if worker_us is not None and database_us is not None else None
    return {
        "messages_per_second": round(median(rates), 1),
        "reference_messages_per_second": round(median(other_rates), 1),
        "ratio": round(median(ratios), 3) if ratios else 0.0,
        "cpu_us_per_message": _rounded(total),
        "worker_cpu_us_per_message": _rounded(worker_us),
        "database_cpu_us_per_message": _rounded(database_us),
        "reference_cpu_us_per_message": _rounded(
            _median_known([reference.cpu_us for reference in references])
        ),
        "worker_rss_mb": _rounded(peak),
        "expand_seconds": round(median(run.expand_seconds for run in ours), 2),
        "database": place.database,
        "recipients": recipients,
        "workers": workers,
        "connections": SESSIONS,
        "message_bytes": ours[-1].message_bytes,
        "server": place.server,
        "messages_per_second_runs": [round(rate, 1) for rate in rates],
        "reference_messages_per_second_runs": [round(rate, 1) for rate in other_rates],
        "ratio_runs": [round(ratio, 3) for ratio in ratios],
    }


def measure_over_a_long_line(
    place: Environment, say: Say, *, milliseconds: int, recipients: int, runs: int = 3
) -> Figures:
    """Measure the gain from a second worker and from pipelining when replies are slow.

    The account has no connection limit, so each worker opens its maximum.
    """
    everyone, some = people(recipients, say), people(recipients // PLAIN_SHARE, say)
    one: list[float] = []
    two: list[float] = []
    plain: list[float] = []
    with (
        place.relay(milliseconds) as far,
        place.relay(milliseconds, hides_pipelining=True) as far_and_plain,
    ):
        for number in range(1, runs + 1):
            for found, workers, port, readers in (
                (one, 1, far, everyone),
                (two, 2, far, everyone),
                (plain, 1, far_and_plain, some),
            ):
                with place.workers(*[environment.SENDING_LANES] * workers) as running:
                    found.append(_send(readers, port, running).per_second)
            say(f"run {number}: one worker {one[-1]:,.0f} per second, two {two[-1]:,.0f},"
                f" one without pipelining {plain[-1]:,.0f}")  # fmt: skip
    return {
        "relay_ms": milliseconds,
        "messages_per_second": round(median(one), 1),
        "two_workers_messages_per_second": round(median(two), 1),
        "scaling": round(median(b / a for a, b in zip(one, two, strict=True)), 2),
        "not_pipelined_messages_per_second": round(median(plain), 1),
        "pipelining_gain": round(median(a / b for a, b in zip(one, plain, strict=True)), 2),
        "connections_per_worker": MAX_CONNECTIONS,
        "database": place.database,
        "recipients": recipients,
        "runs": runs,
        "server": place.server,
    }


def people(recipients: int, say: Say) -> Audience:
    """Create an audience of this size."""
    say(f"creating {recipients:,} subscribers")
    return audience.make(recipients)


def _send(everyone: Audience, port: int, workers: Workers, connections: int = 0) -> Measurement:
    launched = time.monotonic()
    campaign_id = everyone.launch(port, connections=connections)
    begun, before = workers.wait_for(campaign_id, "sending", "sent"), workers.usage()
    ended, after = workers.wait_for(campaign_id, "sent"), workers.usage()
    recipients, sent = everyone.size, _sent(campaign_id)
    if sent != recipients:
        raise click.ClickException(f"only {sent} of {recipients} messages were sent")
    used = after - before if after and before else None
    return Measurement(
        recipients / (ended - begun),
        begun - launched,
        used.workers / recipients * 1e6 if used else None,
        used.database / recipients * 1e6 if used else None,
        audience.message_bytes(campaign_id),
    )


def _sent(campaign_id: int) -> int:
    db.session.rollback()
    query = sa.select(sa.func.count()).where(
        Delivery.campaign_id == campaign_id, Delivery.status == "sent"
    )
    return db.session.scalar(query) or 0


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference's result. `cpu_us`: CPU time per message in microseconds; None: unknown."""

    per_second: float
    cpu_us: float | None


def _reference(place: Environment, messages: int) -> Reference:
    """Return the rate of Postfix's own load generator on the same server; 0 if not installed."""
    source = environment.postfix_program("smtp-source")
    if source is None or place.server != "smtp-sink":
        return Reference(0.0, None)
    begun, used = time.monotonic(), os.times()
    subprocess.run(
        [source, "-s", str(SESSIONS), "-m", str(messages), "-l", str(REFERENCE_BYTES),
         "-f", "a@example.org", "-t", "b@example.org", f"127.0.0.1:{place.port}"],
        check=True, stdout=subprocess.DEVNULL, timeout=environment.TIMEOUT_SECONDS,
    )  # fmt: skip
    seconds, after = time.monotonic() - begun, os.times()
    cpu = after.children_user + after.children_system - used.children_user - used.children_system
    return Reference(messages / seconds, cpu / messages * 1e6)


def _median_known(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
