"""Whether this process may hand messages to an account now."""

from dataclasses import dataclass

from campaigns.providers.base import ProviderTroubleError


@dataclass(slots=True)
class AccountState:
    """What this process knows of an account: its failures, its rest, its connections."""

    failure: ProviderTroubleError | None = None
    """The provider reported that the account does not work; not recorded yet."""
    resting_until: float = 0.0
    """Moment, by a monotonic clock, until which a failed account is left alone."""
    journal_error: OSError | None = None
    """The journal could not be written: nothing more may leave."""
    connections: int = 0
    """Connections that may empty the outbox. 0: other workers hold all that the account allows."""

    @property
    def is_working(self) -> bool:
        """Whether messages may be offered."""
        return self.failure is None and self.journal_error is None

    def is_resting(self, now: float) -> bool:
        """Whether nothing should wait here: the account failed lately, or has no connection."""
        return now < self.resting_until or not self.connections
