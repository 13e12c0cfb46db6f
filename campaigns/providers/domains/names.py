"""Names of sender domains and of their records."""

from campaigns import addresses
from campaigns.providers.senders import FREEMAIL


def domain_of(address: str) -> str:
    """Return the domain of an address, in lower case, as A-labels."""
    try:
        return addresses.parse(address).domain
    except addresses.InvalidAddressError:
        return address.rpartition("@")[2].lower()


def freemail_service(name: str) -> str:
    """Return the free email service that a domain belongs to, such as `Gmail`; "" if to none."""
    return next((service for service, (own, _) in FREEMAIL.items() if name in own), "")


def host_of(selector: str, name: str) -> str:
    """Return the host name of the TXT record of a selector."""
    return f"{selector}._domainkey.{name}"
