"""The deliveries of one claim, until their outcomes are in the database."""

from collections import deque
from dataclasses import dataclass, field

from campaigns.clock import running_seconds
from campaigns.content.mime.compile import Compiled
from campaigns.delivery.journal import Journal
from campaigns.messages import Recipient, SendResult


@dataclass(slots=True, eq=False)
class Batch:
    """One claim of this process, until the outcome of every delivery in it is recorded."""

    token: str
    campaign_id: int
    compiled: Compiled
    journal: Journal
    deadline: float
    """Time after which no body of this batch is begun, by `running_seconds`."""
    checked_at: float = field(default_factory=running_seconds)
    """Time at which the last complete consent check began, by `running_seconds`."""
    waiting: dict[str, deque[Recipient]] = field(default_factory=dict)
    """Recipients not yet handed to the provider, by mailbox group."""
    groups: dict[int, str] = field(default_factory=dict)
    """Mailbox group of each delivery id."""
    unrecorded: int = 0
    """Number of deliveries whose outcome is not yet in the database."""
    renewed_at: float = 0.0
    # Outcomes that are not yet in the database. Other threads only append; only the recorder
    # deletes, and only what it has written.
    results: list[SendResult] = field(default_factory=list)
    unrenderable: list[tuple[int, str]] = field(default_factory=list)
    recalled: list[int] = field(default_factory=list)
    withdrawn: list[tuple[int, str]] = field(default_factory=list)

    @property
    def stock(self) -> int:
        """Number of recipients not yet handed to the provider."""
        return sum(map(len, self.waiting.values()))

    def pending_results(self) -> "PendingResults":
        """Return a copy of the outcomes to write."""
        return PendingResults(
            self,
            list(self.results),
            list(self.unrenderable),
            list(self.recalled),
            list(self.withdrawn),
        )


@dataclass(frozen=True, slots=True)
class PendingResults:
    """Outcomes of some deliveries of a batch, to be written in the next transaction."""

    batch: Batch
    results: list[SendResult]
    unrenderable: list[tuple[int, str]]
    recalled: list[int]
    withdrawn: list[tuple[int, str]]

    def delivery_ids(self) -> list[int]:
        """Return all deliveries whose rows are to be written."""
        return [
            *(result.delivery_id for result in self.results),
            *(number for number, _ in self.unrenderable),
            *self.recalled,
            *(number for number, _ in self.withdrawn),
        ]

    def __len__(self) -> int:
        return len(self.results) + len(self.unrenderable) + len(self.recalled) + len(self.withdrawn)

    @property
    def complete_the_batch(self) -> bool:
        """Return whether the batch is complete once these are written."""
        return len(self) == self.batch.unrecorded

    def mark_written(self) -> None:
        """Remove these outcomes from the batch, after the commit."""
        del self.batch.results[: len(self.results)]
        del self.batch.unrenderable[: len(self.unrenderable)]
        del self.batch.recalled[: len(self.recalled)]
        del self.batch.withdrawn[: len(self.withdrawn)]
        self.batch.unrecorded -= len(self)
