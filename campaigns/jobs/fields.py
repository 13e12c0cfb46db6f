"""Change the stored values of fields, in slices."""

import time

from campaigns.audience.fields import changes
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.jobs.runtime import job

SLICE_SECONDS = 1.0


@job("fields")
def carry_on(change_id: int) -> None:
    """Work for a slice of time; ring again while there is more."""
    if work(change_id, seconds=SLICE_SECONDS):
        services().doorbell.ring("fields", change_id)


def work(change_id: int, *, seconds: float) -> bool:
    """Work for this long. Returns whether there is more."""
    until = time.monotonic() + seconds
    is_more = True
    while is_more and time.monotonic() < until:
        with transaction():
            is_more = changes.carry_on(change_id, now=utcnow())
    return is_more
