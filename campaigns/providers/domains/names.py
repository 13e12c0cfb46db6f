"""Names of sender domains and of their records."""

from campaigns import addresses
from campaigns.providers.senders import FREEMAIL


def domain_of(address: str) -> str:
    """The domain of an address, lower case, as A-labels."""
    try:
        return addresses.parse(address).domain
    except addresses.InvalidAddressError:
        return address.rpartition("@")[2].lower()


def freemail_service(name: str) -> str:
    """Whose domain this is, if it is one for everybody: `Gmail`."""
    return next((service for service, (own, _) in FREEMAIL.items() if name in own), "")


def host_of(selector: str, name: str) -> str:
    """Return the host name of the TXT record of a selector."""
    return f"{selector}._domainkey.{name}"
