"""What every edge needs: the settings, the keys, the doorbell."""

from dataclasses import dataclass
from typing import Protocol, cast

from flask import current_app

from campaigns.config import Settings
from campaigns.secrets import Vault
from campaigns.tokens import Signer

EXTENSION = "campaigns"


class Doorbell(Protocol):
    """Tells a worker that there is work. The work itself lies in the database.

    Ringing never fails: when Redis is away the ring is lost, the sweep rings again later.
    """

    def ring(self, job: str, *ids: int) -> bool:
        """Ask for the job named (jobs.queues.JOBS) with these ids. Whether it was heard.

        A job that waits on its lane already is not put there twice.
        """
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Shared services, created once for each app."""

    settings: Settings
    signer: Signer
    vault: Vault
    doorbell: Doorbell


def services() -> Services:
    """The services of the running app."""
    return cast("Services", current_app.extensions[EXTENSION])
