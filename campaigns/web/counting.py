"""Figures for pages, with large counts made in the background."""

from collections.abc import Iterator
from contextlib import contextmanager

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.methods import is_visit
from campaigns.reports.figures import Counts


@contextmanager
def counting(*, with_details: bool = False) -> Iterator[Counts]:
    """Yield the figures for one page, and ring for new counts of outdated ones."""
    counts = Counts(now=utcnow(), with_details=with_details)
    yield counts
    if not is_visit():
        return
    for subject, number in counts.wanted:
        if not services().doorbell.ring(f"count_{subject}", number):
            return  # Redis is down: do not try the others
