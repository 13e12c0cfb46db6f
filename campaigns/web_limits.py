"""Rate limits of web endpoints, shared by all processes through Redis."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from flask import request
from flask_babel import get_locale
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded
from limits.errors import StorageError
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from campaigns import formatting
from campaigns.clock import utcnow

NAT64 = IPv6Network("64:ff9b::/96")
UNKNOWN_NETWORK = "unknown"
"""The common count of all clients without a usable address."""


def network_of(address: str, *, ipv4_bits: int = 32, ipv6_bits: int = 64) -> str:
    """Return the network that counts as one client, such as `192.0.2.7` or `2001:db8::/64`.

    A single IPv6 customer has at least a /64 and can use any address in it. IPv4 addresses written
    as IPv6 (mapped, 6to4, NAT64) count as the IPv4 address.
    """
    try:
        found = ip_address(_without_port(address).partition("%")[0])
    except ValueError:
        return UNKNOWN_NETWORK
    if isinstance(found, IPv6Address):
        found = _ipv4_within(found) or found
    bits = ipv4_bits if isinstance(found, IPv4Address) else ipv6_bits
    if bits == found.max_prefixlen:
        return str(found)
    return str(ip_network((found, bits), strict=False))


def _without_port(address: str) -> str:
    """Strip the port, as some proxies forward `192.0.2.7:4711` or `[2001:db8::1]:4711`."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _ipv4_within(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def client_network() -> str:
    """Return the network of the client of this request. See `network_of`."""
    return network_of(request.remote_addr or "")


limiter = Limiter(client_network)


def seconds_to_wait(error: HTTPException) -> int | None:
    """Return in how many seconds a refused client may retry; None if unknown."""
    told = getattr(error, "retry_after", None)
    if isinstance(told, int):
        return told
    limit = limiter.current_limit
    if not isinstance(error, RateLimitExceeded) or limit is None:
        return None
    try:
        return max(1, round(limit.reset_at - utcnow().timestamp()))
    except (RedisError, StorageError, OSError):
        return None


def wait_in_words(seconds: int) -> str:
    """Return a wait such as "40 seconds" or "12 minutes", rounded up."""
    whole = seconds if seconds < 60 else 60 * -(-seconds // 60)
    return formatting.duration(whole, str(get_locale() or formatting.DEFAULT_LOCALE))
