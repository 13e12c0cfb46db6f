"""Carry out a user's decision about many deliveries, in slices."""

import time

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.delivery import resend
from campaigns.engine import restore_guard
from campaigns.jobs.runtime import job

SLICE_SECONDS = 1.0


@job("resend")
def carry_on(campaign_id: int) -> None:
    """Work for a slice of time; ring again while there is more."""
    if not restore_guard.guard().may_send(is_sending=True):
        return  # the sweep rings again
    until = time.monotonic() + SLICE_SECONDS
    is_more = True
    while is_more and time.monotonic() < until:
        with transaction():
            is_more = resend.carry_on(campaign_id, now=utcnow())
    services().doorbell.ring("send")
    if is_more:
        services().doorbell.ring("resend", campaign_id)
