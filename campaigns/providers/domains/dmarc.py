"""DMARC: find the record that applies to a sender domain."""

from collections.abc import Iterator

from campaigns.providers.domains.dns import LookupFailedError, Resolver
from campaigns.providers.domains.policies import Policy, begins_with
from campaigns.reason import Reason

MAX_STEPS = 8
"""Largest number of DNS queries in the tree walk (RFC 9989, 4.10)."""
LEAST_DMARC = "v=DMARC1; p=none"

_FOUND = {
    "none": "domain.dmarc_reports",
    "quarantine": "domain.dmarc_quarantines",
    "reject": "domain.dmarc_rejects",
}


def dmarc(name: str, resolver: Resolver) -> Policy:
    """Return the record that applies to this domain: its own, else the next one up the tree.

    Never raises.
    """
    try:
        for place in _tree(name):
            host = f"_dmarc.{place}"
            records = [text for text in resolver.texts(host) if begins_with(text, "v=DMARC1")]
            if len(records) == 1:
                return _read(records[0], host, is_own=place == name)
            if records and place == name:
                reason = Reason("domain.dmarc_not_alone", {"host": host, "count": len(records)})
                return Policy("DMARC", "warning", (reason,))
    except LookupFailedError as error:
        return Policy("DMARC", "unknown", (error.reason,))
    missing = Reason("domain.dmarc_missing")
    return Policy("DMARC", "warning", (missing,), f"_dmarc.{name}", LEAST_DMARC)


def _tree(name: str) -> Iterator[str]:
    """Return the domain and its parents without the top-level one, in the order of the queries."""
    labels = name.split(".")
    yield name
    above = labels[1:] if len(labels) <= MAX_STEPS else labels[-(MAX_STEPS - 1) :]
    while len(above) > 1:
        yield ".".join(above)
        above = above[1:]


def _read(record: str, host: str, *, is_own: bool) -> Policy:
    pairs = (part.partition("=") for part in record.split(";") if "=" in part)
    tags = {tag.strip().lower(): value.strip().lower() for tag, _, value in pairs}
    policy = tags.get("p", "none") if is_own else tags.get("sp", tags.get("p", "none"))
    found = Reason(_FOUND.get(policy, _FOUND["none"]), {"host": host})
    hint = () if "rua" in tags else (Reason("domain.dmarc_without_reports"),)
    return Policy("DMARC", "ok", (found, *hint))
