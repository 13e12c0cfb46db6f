"""Freezing an audience: a row for everybody, before the first message leaves."""

import time
from statistics import median

from campaigns.cli.benchmarks import ground
from campaigns.cli.benchmarks.ground import Ground
from campaigns.cli.benchmarks.sending import Figures, Say, people
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.sending import lifecycle


def measure(place: Ground, say: Say, *, recipients: int, runs: int = 1) -> Figures:
    """From the launch to the moment at which sending begins, in a worker's own process."""
    everybody = people(recipients, say)
    seconds, costs, peaks = [], [], []
    for number in range(1, runs + 1):
        with place.workers(ground.SENDING_LANES) as crew:
            before, begun = crew.usage(), time.monotonic()
            campaign_id = everybody.launch(place.port)
            seconds.append(crew.wait_for(campaign_id, "sending") - begun)
            after, peak = crew.usage(), crew.peak_mb()
            with transaction():
                lifecycle.pause(campaign_id, now=utcnow())
        if before and after and peak is not None:
            used = after - before
            costs.append((used.workers + used.database) / recipients * 1e6)
            peaks.append(peak)
        say(f"run {number}: {seconds[-1]:,.1f} seconds")
    return {
        "expand_seconds": round(median(seconds), 2),
        "recipients_per_second": round(recipients / median(seconds), 1),
        "cpu_us_per_recipient": round(median(costs), 2) if costs else None,
        "worker_rss_mb": round(max(peaks), 1) if peaks else None,
        "database": place.database,
        "recipients": recipients,
        "expand_seconds_runs": [round(value, 2) for value in seconds],
    }
