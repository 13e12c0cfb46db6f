"""Whether this process may send through an account now."""

from dataclasses import dataclass

from campaigns.providers.base import ProviderTroubleError


@dataclass(slots=True)
class AccountState:
    """What this process knows about an account: failures, pauses and connections."""

    failure: ProviderTroubleError | None = None
    """The provider reported that the account does not work; not recorded yet."""
    resting_until: float = 0.0
    """Time until which a failed account is left alone, by a monotonic clock."""
    journal_error: OSError | None = None
    """The journal could not be written: nothing may be sent."""
    connections: int = 0
    """Connections that may serve the outbox. 0: other workers hold all that the account allows."""

    @property
    def is_working(self) -> bool:
        """Return whether messages may be offered."""
        return self.failure is None and self.journal_error is None

    def is_resting(self, now: float) -> bool:
        """Return whether the outbox should stay empty: the account failed, or has no connection."""
        return now < self.resting_until or not self.connections
