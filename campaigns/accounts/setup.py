"""The setup token, required for the first account if strangers can reach the page.

It is derived from the secret key, so every process knows it and nothing is stored. It becomes
useless once there is an account.
"""

from ipaddress import ip_address
from urllib.parse import urlencode

from campaigns.config import Settings
from campaigns.tokens import BadTokenError, Signer, b64decode, b64encode

_PAYLOAD = b"first account"


def is_token_needed(settings: Settings) -> bool:
    """Return whether people on other machines can open the page.

    TRUSTED_HOSTS counts too: a public name means a proxy or a tunnel.
    """
    if not all(map(_is_loopback, (settings.host, *settings.trusted_hosts))):
        return True
    return bool(settings.public_url or settings.trusted_proxies)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token(signer: Signer) -> str:
    """Return the token: 22 characters."""
    return b64encode(signer.signature("setup", _PAYLOAD))


def is_right(signer: Signer, typed: str) -> bool:
    """Return whether this is the token, in constant time."""
    try:
        return signer.is_valid("setup", _PAYLOAD, b64decode(typed.strip()))
    except BadTokenError:
        return False


def link(settings: Settings, signer: Signer) -> str:
    """Return the URL for creating the first account, with the token.

    Always includes the token, as an undeclared proxy makes it required.
    """
    return f"{settings.base_url}/welcome?{urlencode({'token': token(signer)})}"
