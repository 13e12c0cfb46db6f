"""Encrypt stored secrets."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from campaigns.reason import Reason


class SecretUnreadableError(RuntimeError):
    """A stored secret was encrypted with an unknown key. The text is a packed reason."""

    def __init__(self, reason: Reason | None = None) -> None:
        self.reason = reason or Reason("vault.secret_unreadable")
        super().__init__(self.reason.pack())


class Vault:
    """Encrypts with the first key and decrypts with any, so that keys can be rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key)) for key in keys])

    def encrypt(self, text: str) -> str:
        """Encrypt with the newest key."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def decrypt(self, stored: str) -> str:
        """Decrypt. Raises SecretUnreadableError if no key fits."""
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            raise SecretUnreadableError from None


def _derive(key: str) -> bytes:
    raw = hmac.digest(key.encode(), b"campaigns.vault", hashlib.sha256)
    return base64.urlsafe_b64encode(raw)
