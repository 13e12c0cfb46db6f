"""Compute how engaged people are, in slices, every night."""

import time

from campaigns.accounts.workspace import workspace_zone
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.events import scores
from campaigns.jobs.runtime import job

SLICE_SECONDS = 1.0


@job("engagement")
def carry_on() -> None:
    """Work for a slice of time; ring again while there is more.

    People are computed outside of the transaction, so that on SQLite nobody waits for it.
    """
    until, zone = time.monotonic() + SLICE_SECONDS, workspace_zone()
    after = scores.position(now=utcnow(), zone=zone)
    while after is not None and time.monotonic() < until:
        now = utcnow()
        found = scores.compute(after, now=now)
        with transaction():
            scores.store(found, after, now=now)
        after = scores.position(now=utcnow(), zone=zone)
    if after is not None:
        services().doorbell.ring("engagement")
