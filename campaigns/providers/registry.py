"""Every kind of provider: one line each."""

from collections.abc import Callable

from campaigns.providers.base import Provider
from campaigns.providers.models import ProviderAccount
from campaigns.providers.smtp import open_smtp
from campaigns.secrets import Vault

KINDS: dict[str, Callable[[ProviderAccount, Vault], Provider]] = {
    "smtp": open_smtp,
}


def open_provider(account: ProviderAccount, vault: Vault) -> Provider:
    """A provider for this account. Connects on first use. Raises SecretUnreadableError."""
    return KINDS[account.kind](account, vault)
