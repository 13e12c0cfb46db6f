"""The set-up token: who may create the first account where strangers can reach the page.

It is derived from the secret key, so every process knows it and nothing is stored. It ends with
the page that asks for it, as soon as there is an account.
"""

from ipaddress import ip_address
from urllib.parse import urlencode

from campaigns.config import Settings
from campaigns.tokens import BadTokenError, Signer, b64decode, b64encode

_PAYLOAD = b"first account"


def is_token_needed(settings: Settings) -> bool:
    """Return whether others than the people on this machine can open the page.

    TRUSTED_HOSTS counts too: a name under which others ask means a proxy or a tunnel in front.
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
    """Return whether this is the token. Takes the same time for every wrong one."""
    try:
        return signer.is_valid("setup", _PAYLOAD, b64decode(typed.strip()))
    except BadTokenError:
        return False


def link(settings: Settings, signer: Signer) -> str:
    """Return the address at which the first account is created, with the token.

    It is told even where the settings need none: a proxy that they do not know of needs it.
    """
    return f"{settings.base_url}/welcome?{urlencode({'token': token(signer)})}"
