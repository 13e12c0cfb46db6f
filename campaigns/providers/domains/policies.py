"""What receivers check of a sender domain besides DKIM: SPF and alignment.

Never required for sending: in many companies someone else manages these records.
"""

import re
from dataclasses import dataclass
from typing import Literal

from campaigns.providers.domains.dns import LookupFailedError, Resolver
from campaigns.reason import Reason


@dataclass(frozen=True, slots=True)
class Policy:
    """One finding. `host` and `record`: what to add to DNS, if known."""

    name: str
    level: Literal["ok", "warning", "unknown"]
    reasons: tuple[Reason, ...]
    host: str = ""
    record: str = ""


def spf(name: str, resolver: Resolver) -> Policy:
    """Return whether the domain publishes which servers may send for it. Never raises."""
    try:
        records = [text for text in resolver.texts(name) if begins_with(text, "v=spf1")]
    except LookupFailedError as error:
        return Policy("SPF", "unknown", (error.reason,))
    if not records:
        return _spf_warning(Reason("domain.spf_missing", {"domain": name}))
    if len(records) > 1:
        return _spf_warning(Reason("domain.spf_not_alone", {"domain": name, "count": len(records)}))
    if {"all", "+all"} & set(records[0].lower().split()):
        return _spf_warning(Reason("domain.spf_allows_everybody"))
    return Policy("SPF", "ok", (Reason("domain.spf_found", {"record": records[0]}),))


def _spf_warning(reason: Reason) -> Policy:
    return Policy("SPF", "warning", (reason,))


def alignment(name: str, *, is_signed: bool) -> Policy:
    """Return whether DMARC accepts our signature as aligned with the sender's domain."""
    if is_signed:
        return Policy("Alignment", "ok", (Reason("domain.aligned", {"domain": name}),))
    return Policy("Alignment", "warning", (Reason("domain.not_aligned"),))


def begins_with(text: str, version: str) -> bool:
    """Return whether a TXT record is of this kind, such as "v=spf1"."""
    return re.match(rf"\s*{version}(?:[\s;]|$)", text, re.IGNORECASE) is not None
