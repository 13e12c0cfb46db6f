"""What pages show of large things: they are given the figures, and ring for newer ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.methods import is_visit
from campaigns.reports.figures import Counts


@contextmanager
def counting(*, with_details: bool = False) -> Iterator[Counts]:
    """The figures for one page. What of them is not new any more is counted in the background."""
    counts = Counts(now=utcnow(), with_details=with_details)
    yield counts
    if not is_visit():
        return
    for subject, number in counts.wanted:
        if not services().doorbell.ring(f"count_{subject}", number):
            return  # nobody hears it now: the others need not be tried
