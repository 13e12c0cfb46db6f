"""Load the keys that sign messages from a sender's domain."""

from campaigns.content.mime.dkim import Key, Signing, sign_message
from campaigns.providers.domains.keys import secret_keys
from campaigns.secrets import Vault

__all__ = ["Signing", "sign_message", "signing_for"]


def signing_for(address: str, vault: Vault) -> Signing | None:
    """Return the signing of emails from this address; None if its domain has no active key.

    Costs a query and about 100 microseconds per key: call it once per campaign, not per message.
    Two results are equal while the keys are the same. Raises SecretUnreadableError.
    """
    name, keys = secret_keys(address, vault)
    if not keys:
        return None
    return Signing(name, [Key(key.selector, key.algorithm, key.pem) for key in keys])
