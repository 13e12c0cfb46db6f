"""Every kind of provider: one line each."""

from collections.abc import Callable

from campaigns.providers.base import Provider
from campaigns.providers.models import ProviderAccount
from campaigns.providers.smtp import open_smtp
from campaigns.secrets import Vault

KINDS: dict[str, Callable[[ProviderAccount, Vault, bool], Provider]] = {
    "smtp": open_smtp,
}


def open_provider(account: ProviderAccount, vault: Vault, *, apart: bool = False) -> Provider:
    """A provider for this account. Connects on first use. Raises SecretUnreadableError.

    `apart`: with a thread of its own, for a source that takes its time in `begin`.
    """
    return KINDS[account.kind](account, vault, apart)
