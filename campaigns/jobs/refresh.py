"""Refresh tokens that a provider gave in place of old ones: stored, for the old ones end."""

from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers import accounts
from campaigns.providers.models import ProviderAccount


def keep_newest_token(account: ProviderAccount) -> None:
    """Store the newest that this process was given. Raises SecretUnreadableError."""
    vault = services().vault
    if account.auth == "oauth2" and accounts.has_newer_token(account, vault):
        account_id = account.id
        with transaction():
            accounts.keep_newest_token(db.session.get_one(ProviderAccount, account_id), vault)
