"""Senders of two accounts, for tests that switch between them."""

from dataclasses import dataclass

from campaigns.providers.models import SenderAddress
from tests.factories import a_provider, a_sender


@dataclass(frozen=True)
class Senders:
    """Two accounts with a sender each, and a second sender of the first account."""

    first: SenderAddress
    second: SenderAddress
    same: SenderAddress


def three_senders(per_day: int = 0) -> Senders:
    """Add the senders; `per_day` limits the first account. Call inside a transaction."""
    relay, other = a_provider("Relay", per_day=per_day), a_provider("Other")
    return Senders(
        a_sender("news@first.example", relay),
        a_sender("news@second.example", other, is_default=False),
        a_sender("more@first.example", relay, is_default=False),
    )
