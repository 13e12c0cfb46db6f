"""Clocks that stand still until a test advances them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from campaigns.clock import Clock, running_seconds, utcnow


@dataclass
class ManualClock:
    """Starts at the current time, to agree with rows in the database; `read` is the Clock."""

    started_at: datetime = field(default_factory=utcnow)
    seconds: float = field(default_factory=running_seconds)
    elapsed: float = 0.0

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds

    def now(self) -> datetime:
        return self.started_at + timedelta(seconds=self.elapsed)

    def running(self) -> float:
        return self.seconds + self.elapsed

    @property
    def read(self) -> Clock:
        return Clock(self.now, self.running, self.running)


@dataclass
class ManualSeconds:
    """A clock in seconds, called like `time.time` or `time.monotonic`."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)
