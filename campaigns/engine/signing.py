"""Load the keys that sign messages from a sender's domain."""

from campaigns.content.mime.dkim import Key, Signing, sign_message
from campaigns.providers.domains.keys import secret_keys
from campaigns.secrets import Vault

__all__ = ["Signing", "sign_message", "signing_for"]


def signing_for(address: str, vault: Vault) -> Signing | None:
    """What signs mail from this address; None: its domain has no key that signs.

    One query, and some 100 microseconds for each key: once for a campaign, not for a message.
    Two results are equal while the keys are the same. Raises SecretUnreadableError.
    """
    name, keys = secret_keys(address, vault)
    if not keys:
        return None
    return Signing(name, [Key(key.selector, key.algorithm, key.pem) for key in keys])
