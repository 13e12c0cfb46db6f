"""The DKIM records of a domain: what they must contain, and what DNS has."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from campaigns.db import db
from campaigns.providers.domains.dns import LookupFailedError, Resolver
from campaigns.providers.domains.keys import activate
from campaigns.providers.domains.names import host_of
from campaigns.providers.models import DkimKey, SenderDomain
from campaigns.reason import Reason

Finding = Literal["found", "missing", "wrong", "unreachable"]


@dataclass(frozen=True, slots=True)
class Question:
    """The DNS query for one key."""

    key_id: int
    host: str
    algorithm: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The DNS finding for one key, and its reason."""

    key_id: int
    finding: Finding
    reason: Reason


def record_of(algorithm: str, public_key: str) -> str:
    """Return the TXT record of a public key."""
    return f"v=DKIM1; k={algorithm}; p={public_key}"


def questions(domain: SenderDomain) -> list[Question]:
    """Return the queries for active and waiting keys. Running them needs no database."""
    keys = db.session.scalars(
        sa.select(DkimKey)
        .where(DkimKey.domain_id == domain.id, DkimKey.state != "retired")
        .order_by(DkimKey.id)
    )
    return [
        Question(key.id, host_of(key.selector, domain.name), key.algorithm, key.public_key)
        for key in keys
    ]


def ask(asked: Question, resolver: Resolver) -> Answer:
    """Look up a key's record. Never raises."""
    try:
        texts = resolver.texts(asked.host)
    except LookupFailedError as error:
        return Answer(asked.key_id, "unreachable", error.reason)
    return Answer(asked.key_id, *judge(texts, asked.algorithm, asked.public_key))


def judge(texts: Sequence[str], algorithm: str, public_key: str) -> tuple[Finding, Reason]:
    """Decide whether these TXT records contain the one of this key, and why."""
    records = [tags for tags in map(_tags, texts) if "p" in tags]
    if not records:
        if texts:
            return "wrong", Reason("domain.record_not_dkim")
        return "missing", Reason("domain.record_missing")
    if len(records) > 1:
        return "wrong", Reason("domain.record_not_alone")
    problem = _problem(records[0], algorithm, public_key)
    if problem is not None:
        return "wrong", problem
    if "y" in records[0].get("t", "").split(":"):
        return "found", Reason("domain.record_found_test")
    return "found", Reason("domain.record_found")


def _problem(tags: Mapping[str, str], algorithm: str, public_key: str) -> Reason | None:
    if tags.get("v", "DKIM1") != "DKIM1":
        return Reason("domain.record_version")
    if not tags["p"]:
        return Reason("domain.record_revoked")
    if tags["p"] != public_key:
        if public_key.startswith(tags["p"]):
            return Reason("domain.record_cut_off")
        return Reason("domain.record_other_key")
    if tags.get("k", "rsa") != algorithm:
        return Reason("domain.record_algorithm", {"algorithm": algorithm})
    if "sha256" not in tags.get("h", "sha256").split(":"):
        return Reason("domain.record_forbids_sha256")
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return Reason("domain.record_not_for_email")
    return None


def _tags(text: str) -> dict[str, str]:
    """Return the tags of a record, without spaces: the values we check have none."""
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip(): re.sub(r"\s", "", value) for name, _, value in pairs}


def note(domain: SenderDomain, answers: Iterable[Answer], *, now: datetime) -> list[str]:
    """Store the findings and activate keys whose record appeared. Returns their selectors."""
    begun = []
    for answer in answers:
        key = db.session.get(DkimKey, answer.key_id, populate_existing=True)
        if key is None or key.domain_id != domain.id:
            continue
        key.finding, key.finding_text = answer.finding, answer.reason.pack()
        key.checked_at = now
        db.session.flush()
        selector = key.selector
        if key.state == "waiting" and answer.finding == "found" and activate(key, now=now):
            begun.append(selector)
    return begun
