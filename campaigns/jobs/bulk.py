"""Carry out bulk actions on subscribers, in slices."""

import time

from campaigns.audience.bulk import runs
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.jobs.runtime import job
from campaigns.privacy import erasure
from campaigns.reason import ReasonError

SLICE_SECONDS = 1.0


@job("bulk")
def carry_on(run_id: int) -> None:
    """Work for a slice of time; ring again while there is more."""
    if work(run_id, seconds=SLICE_SECONDS):
        services().doorbell.ring("bulk", run_id)


def work(run_id: int, *, seconds: float) -> bool:
    """Work for this long. Returns whether there is more."""
    until = time.monotonic() + seconds
    while True:
        try:
            with transaction():
                is_more = runs.advance(run_id, erase=erasure.erase, now=utcnow())
        except ReasonError as error:
            with transaction():
                runs.fail(run_id, error.reason, now=utcnow())
            return False
        if not is_more or time.monotonic() >= until:
            return is_more
