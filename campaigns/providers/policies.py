"""What else receivers ask of a sender domain, besides DKIM: SPF and DMARC, as DNS tells them.

Only looked at, never needed to send: the records belong to others in many a company.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from campaigns.providers.dns import LookupFailedError, Resolver

MOST_STEPS = 8
"""So many questions a walk up the tree takes at most (RFC 9989, 4.10)."""
LEAST_DMARC = "v=DMARC1; p=none"

_POLICIES = {
    "none": "receivers only report what fails",
    "quarantine": "what fails goes to the spam folder",
    "reject": "what fails is refused",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """One thing looked at. `host` and `record`: what to put into DNS, where it is known."""

    name: str
    level: Literal["ok", "warning", "unknown"]
    text: str
    host: str = ""
    record: str = ""


def spf(name: str, resolver: Resolver) -> Policy:
    """Whether the domain says which servers may send for it. Never raises."""
    try:
        records = [text for text in resolver.texts(name) if _begins_with(text, "v=spf1")]
    except LookupFailedError as error:
        return Policy("SPF", "unknown", str(error))
    if not records:
        text = f"No record at {name}. Your provider tells which one lists its servers."
        return Policy("SPF", "warning", text)
    if len(records) > 1:
        text = f"{len(records)} records at {name}: with more than one, receivers take none of them."
        return Policy("SPF", "warning", text)
    if {"all", "+all"} & set(records[0].lower().split()):
        text = "It allows every server in the world (+all). Replace that by ~all or -all."
        return Policy("SPF", "warning", text)
    text = f"Found: {records[0]}. It must list the servers that you send through."
    return Policy("SPF", "ok", text)


def dmarc(name: str, resolver: Resolver) -> Policy:
    """The record that counts for this domain: its own, else the next one up the tree.

    Never raises.
    """
    try:
        for place in _tree(name):
            host = f"_dmarc.{place}"
            records = [text for text in resolver.texts(host) if _begins_with(text, "v=DMARC1")]
            if len(records) == 1:
                return _read_dmarc(records[0], host, is_own=place == name)
            if records and place == name:
                text = f"{len(records)} records at {host}: with more than one, none of them counts."
                return Policy("DMARC", "warning", text)
    except LookupFailedError as error:
        return Policy("DMARC", "unknown", str(error))
    text = "No record. Large receivers refuse mail to many without one; this is the least:"
    return Policy("DMARC", "warning", text, f"_dmarc.{name}", LEAST_DMARC)


def _tree(name: str) -> Iterator[str]:
    """The domain and those above it, without the top one: what is asked, in this order."""
    labels = name.split(".")
    yield name
    above = labels[1:] if len(labels) <= MOST_STEPS else labels[-(MOST_STEPS - 1) :]
    while len(above) > 1:
        yield ".".join(above)
        above = above[1:]


def _read_dmarc(record: str, host: str, *, is_own: bool) -> Policy:
    pairs = (part.partition("=") for part in record.split(";") if "=" in part)
    tags = {tag.strip().lower(): value.strip().lower() for tag, _, value in pairs}
    policy = tags.get("p", "none") if is_own else tags.get("sp", tags.get("p", "none"))
    means = _POLICIES.get(policy, _POLICIES["none"])
    reports = "" if "rua" in tags else " Add rua=mailto:… to get their reports."
    return Policy("DMARC", "ok", f"Found at {host}: {means}.{reports}")


def alignment(name: str, *, is_signed: bool) -> Policy:
    """Whether DMARC takes our signature for one of the sender's own domain."""
    if is_signed:
        text = f"Signatures name {name}, as sender addresses do: DMARC passes by DKIM."
        return Policy("Alignment", "ok", text)
    text = "Without a signature that can be checked, DMARC passes by SPF alone, if by anything."
    return Policy("Alignment", "warning", text)


def _begins_with(text: str, version: str) -> bool:
    return re.match(rf"\s*{version}(?:[\s;]|$)", text, re.IGNORECASE) is not None
