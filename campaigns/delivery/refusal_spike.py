"""The last results of a mailbox group, to see when it suddenly refuses very many (B4)."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from campaigns.delivery.retry import Limits, is_flood


@dataclass(slots=True)
class Recent:
    """What one worker saw of one campaign in one mailbox group, some hundred results back."""

    limits: Limits
    _batches: deque[tuple[datetime, int, int]] = field(default_factory=deque)

    def add(self, refusals: int, results: int, *, now: datetime) -> bool:
        """Add a batch: so many "no such mailbox" among so many results. True: it is a flood."""
        self._batches.append((now, refusals, results))
        oldest = now - timedelta(minutes=self.limits.flood_minutes)
        while self._batches[0][0] < oldest or self._is_enough_without_the_oldest():
            self._batches.popleft()
        return is_flood(sum(batch[1] for batch in self._batches), self._results(), self.limits)

    def _results(self) -> int:
        return sum(batch[2] for batch in self._batches)

    def _is_enough_without_the_oldest(self) -> bool:
        return self._results() - self._batches[0][2] >= self.limits.flood_results

    def since(self) -> datetime | None:
        """When the first of them came: from there on `events.policy.hold` takes back."""
        return self._batches[0][0] if self._batches else None

    def forget(self) -> None:
        """Start counting again after the group was held."""
        self._batches.clear()
