"""Measure freezing an audience: one row per recipient, before the first message.

The reference is the minimum: copying the same people into a table of that width with a primary key
and one unique index.
"""

import time
from statistics import median

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Delivery
from campaigns.cli.benchmarks import environment
from campaigns.cli.benchmarks.environment import Environment
from campaigns.cli.benchmarks.sending import Figures, Say, people
from campaigns.clock import utcnow
from campaigns.db import BigKey, db, is_postgresql, transaction

_plain = sa.Table(
    "bench_plain",
    sa.MetaData(),
    sa.Column("id", BigKey, primary_key=True),
    *(sa.Column(name, Delivery.__table__.c[name].type) for name in (
        "campaign_id", "subscriber_id", "list_id", "address", "mailbox_group", "status", "reason",
        "attempts", "reply_ref", "updated_at",
    )),
    sa.UniqueConstraint("campaign_id", "subscriber_id"),
)  # fmt: skip


def measure(place: Environment, say: Say, *, recipients: int, runs: int = 1) -> Figures:
    """Measure the time from launch to the start of sending, in a worker process."""
    everyone = people(recipients, say)
    seconds, references, costs, peaks, written = [], [], [], [], []
    for number in range(1, runs + 1):
        with place.workers(environment.SENDING_LANES) as workers:
            references.append(_copy_plainly())
            log, before, begun = _log_position(), workers.usage(), time.monotonic()
            campaign_id = everyone.launch(place.port)
            seconds.append(workers.wait_for(campaign_id, "sending") - begun)
            after, peak = workers.usage(), workers.peak_mb()
            written.append(_log_position() - log)
            with transaction():
                lifecycle.pause(campaign_id, now=utcnow())
        if before and after and peak is not None:
            used = after - before
            costs.append((used.workers + used.database) / recipients * 1e6)
            peaks.append(peak)
        say(f"run {number}: {seconds[-1]:,.1f} seconds, a plain copy {references[-1]:,.1f}")
    pairs = zip(seconds, references, strict=True)
    return {
        "expand_seconds": round(median(seconds), 2),
        "reference_seconds": round(median(references), 2),
        "ratio": round(median(plain / ours for ours, plain in pairs), 2),
        "recipients_per_second": round(recipients / median(seconds), 1),
        "cpu_us_per_recipient": round(median(costs), 2) if costs else None,
        "worker_rss_mb": round(max(peaks), 1) if peaks else None,
        "wal_mb": round(median(written) / 1e6, 1) if is_postgresql() else None,
        "database": place.database,
        "recipients": recipients,
        "expand_seconds_runs": [round(value, 2) for value in seconds],
        "reference_seconds_runs": [round(value, 2) for value in references],
    }


def _copy_plainly() -> float:
    """Return the seconds that the reference takes."""
    row = {
        "campaign_id": sa.literal(1),
        "subscriber_id": Subscriber.id,
        "list_id": sa.literal(1),
        "address": Subscriber.address,
        "mailbox_group": sa.literal("other"),
        "status": sa.literal("queued"),
        "reason": sa.literal(""),
        "attempts": sa.literal(0),
        "reply_ref": sa.literal(""),
        "updated_at": sa.literal(utcnow(), Delivery.updated_at.type),
    }
    with transaction() as session:
        _plain.create(session.connection())
    begun = time.monotonic()
    with transaction() as session:
        everyone = sa.select(*row.values()).order_by(Subscriber.id)
        session.execute(sa.insert(_plain).from_select(list(row), everyone))
    seconds = time.monotonic() - begun
    with transaction() as session:
        _plain.drop(session.connection())
    return seconds


def _log_position() -> int:
    """Return the bytes that PostgreSQL has written to its write-ahead log."""
    if not is_postgresql():
        return 0
    position = "SELECT pg_current_wal_insert_lsn() - CAST('0/0' AS pg_lsn)"
    return int(db.session.scalar(sa.text(position)) or 0)
