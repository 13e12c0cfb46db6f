"""Services of every edge: settings, keys, the doorbell."""

from dataclasses import dataclass
from typing import Protocol, cast

from flask import current_app

from campaigns.config import Settings
from campaigns.secrets import Vault
from campaigns.tokens import Signer

EXTENSION = "campaigns"


class Doorbell(Protocol):
    """Tells a worker that there is work. The work itself is in the database.

    Ringing never fails: if Redis is down the ring is lost, and the sweep rings again later.
    """

    def ring(self, job: str, *ids: int) -> bool:
        """Request a job (jobs.queues.JOBS) with these ids. Returns whether Redis accepted it.

        A job that already waits is not queued twice.
        """
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Shared services, created once per app."""

    settings: Settings
    signer: Signer
    vault: Vault
    doorbell: Doorbell


def services() -> Services:
    """Return the services of the running app."""
    return cast("Services", current_app.extensions[EXTENSION])
