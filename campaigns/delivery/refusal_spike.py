"""Detect that a mailbox group suddenly refuses very many addresses (rule B4)."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from campaigns.delivery.retry import Limits, is_refusal_spike


@dataclass(slots=True)
class Recent:
    """The last few hundred results of a campaign in one mailbox group, in one worker."""

    limits: Limits
    _batches: deque[tuple[datetime, int, int]] = field(default_factory=deque)

    def add(self, refusals: int, results: int, *, now: datetime) -> bool:
        """Add a batch: how many of its results report a missing mailbox. True: it is a spike."""
        self._batches.append((now, refusals, results))
        oldest = now - timedelta(minutes=self.limits.flood_minutes)
        while self._batches[0][0] < oldest or self._is_enough_without_the_oldest():
            self._batches.popleft()
        return is_refusal_spike(
            sum(batch[1] for batch in self._batches), self._results(), self.limits
        )

    def _results(self) -> int:
        return sum(batch[2] for batch in self._batches)

    def _is_enough_without_the_oldest(self) -> bool:
        return self._results() - self._batches[0][2] >= self.limits.flood_results

    def since(self) -> datetime | None:
        """Time of the first of them, from which `events.refusals.hold` revokes bounces."""
        return self._batches[0][0] if self._batches else None

    def forget(self) -> None:
        """Start counting again after the group was held."""
        self._batches.clear()
