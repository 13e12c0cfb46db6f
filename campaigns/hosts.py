"""Which hosts are public: one rule for outgoing requests and for links."""

import re
import unicodedata
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal
from urllib.parse import unquote

_INTERNAL = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; metadata of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Excludes loopback, unique local, link-local, site-local, multicast, NAT64 and IPv4-compatible
addresses."""
_INTERNAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: holds an IPv4 address
        "3fff::/20",  # documentation
    )
)

MAX_NAME_LENGTH = 253
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_TOP_LEVEL = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}")
_INTERNAL_NAMES = frozenset(
    {"alt", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain"}
    | {"localhost", "onion", "private", "test"}
)
"""Top-level names that are reserved or internal, and not in public DNS."""
_NO_TOP_LEVEL = frozenset(
    {"asp", "aspx", "bmp", "css", "doc", "docx", "gif", "htm", "html", "jpeg", "jpg", "js", "jsp"}
    | {"pdf", "php", "png", "svg", "txt", "webp", "xhtml", "xml"}
    | {"cmo", "comm", "con", "coom", "cpm", "nett", "ocm", "ogr", "orgg", "vom", "xom"}
)
"""File extensions and typos that are not top-level domains."""

Fault = Literal["", "empty", "bare", "malformed", "internal"]


def is_public(address: str) -> bool:
    """Return whether this IP address is public. Raises ValueError if it is not an IP address."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return parsed in _GLOBAL_UNICAST and not any(parsed in net for net in _INTERNAL_V6)
        parsed = parsed.ipv4_mapped
    return not any(parsed in network for network in _INTERNAL)


def is_numeric(host: str) -> bool:
    """Return whether browsers and system libraries parse this host as an IPv4 address.

    They do if it ends in a number: 0x7f.1, 2130706433, 0177.0.0.1.
    """
    return _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]) is not None


def fault_of(host: str) -> Fault:
    """Return why this host in a URL cannot be reached on the public internet.

    Makes no lookups. `bare`: a name without a dot.
    """
    if host.startswith("["):
        return _fault_of_ipv6(host)
    name = unicodedata.normalize("NFKC", unquote(host)).lower()
    name = name.replace("\u3002", ".").removesuffix(".")  # the Chinese and Japanese full stop
    if not name:
        return "empty"
    if is_numeric(name):
        found = _ipv4(name)
        return "malformed" if found is None else "" if is_public(str(found)) else "internal"
    labels = name.split(".")
    if len(name) > MAX_NAME_LENGTH or not all(map(_is_label, labels)):
        return "malformed"
    top = labels[-1]
    if top in _INTERNAL_NAMES or labels[-2:] == ["home", "arpa"]:
        return "internal"
    if len(labels) == 1:
        return "bare"
    is_offered = not top.isascii() or (_TOP_LEVEL.fullmatch(top) and top not in _NO_TOP_LEVEL)
    return "" if is_offered else "malformed"


def _fault_of_ipv6(host: str) -> Fault:
    try:
        address = IPv6Address(host[1:-1]) if host.endswith("]") else None
    except ValueError:
        address = None
    if address is None or address.scope_id is not None:
        return "malformed"
    return "" if is_public(str(address)) else "internal"


def _is_label(label: str) -> bool:
    if label.isascii():
        return _LABEL.fullmatch(label) is not None
    # Browsers accept more letters than registries, even emoji, but no spaces or symbols.
    return not any(
        char.isspace() or not char.isprintable() or (char.isascii() and not _LABEL.fullmatch(char))
        for char in label.replace("-", "")
    )


def _ipv4(name: str) -> IPv4Address | None:
    """Parse a host as browsers do (URL standard, IPv4 parser); None if it is not an address."""
    parts = name.split(".")
    if len(parts) > 4:
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (5 - len(numbers)):
        return None
    shifted = sum(number << (8 * (3 - place)) for place, number in enumerate(first))
    return IPv4Address(shifted + last)


def _number(part: str) -> int:
    """Parse a part of an IPv4 address: 0x is hexadecimal, a leading 0 octal. Raises ValueError."""
    if not _NUMBER.fullmatch(part) or len(part) > 20:
        raise ValueError(part)
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") else int(part)
