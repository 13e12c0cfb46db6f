"""The status of each domain: whether its emails are signed and the signature can be verified."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from campaigns.db import db
from campaigns.providers.domains.keys import KEEP_RECORD
from campaigns.providers.domains.names import domain_of, freemail_service, host_of
from campaigns.providers.domains.records import record_of
from campaigns.providers.models import DkimKey, SenderAddress, SenderDomain

Standing = Literal["freemail", "unsigned", "waiting", "broken", "signed"]
"""freemail: only its owner can sign. broken: signed, but receivers cannot verify it."""

TXT_STRING = 255
"""Longest string within a TXT record, in characters."""
MAX_DOMAINS = 200

_NAMES: dict[str, str] = {"rsa": "RSA", "ed25519": "Ed25519"}


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as shown to people. `record` is its TXT value, `strings` its pieces for DNS."""

    public_id: str
    algorithm: str
    algorithm_name: str
    selector: str
    state: str
    host: str
    record: str
    strings: tuple[str, ...]
    finding: str
    finding_text: str
    checked_at: datetime | None
    activated_at: datetime | None
    keep_until: datetime | None
    """When the record of a retired key may be deleted."""
    can_sign: bool


@dataclass(frozen=True, slots=True)
class DomainView:
    """A domain that is sent from or was set up. `public_id` is empty until it is set up."""

    name: str
    public_id: str
    senders: tuple[str, ...]
    keys: tuple[KeyView, ...]
    freemail: str
    standing: Standing

    @property
    def signing(self) -> tuple[KeyView, ...]:
        return tuple(key for key in self.keys if key.state == "active")


def overview() -> list[DomainView]:
    """Return every domain that is sent from or was set up, by name."""
    senders: dict[str, list[str]] = {}
    for address in db.session.scalars(sa.select(SenderAddress.address).limit(MAX_DOMAINS * 10)):
        senders.setdefault(domain_of(address), []).append(address)
    rows = {
        row.name: row
        for row in db.session.scalars(
            sa.select(SenderDomain).order_by(SenderDomain.name).limit(MAX_DOMAINS)
        )
    }
    keys = _keys_of([row.id for row in rows.values()])
    return [
        _view(name, rows.get(name), senders.get(name, ()), keys)
        for name in sorted({*senders, *rows})[:MAX_DOMAINS]
    ]


def view(domain: SenderDomain) -> DomainView:
    """Return a sender domain with its addresses, keys and findings."""
    addresses_at = [
        address
        for address in db.session.scalars(sa.select(SenderAddress.address))
        if domain_of(address) == domain.name
    ]
    return _view(domain.name, domain, addresses_at, _keys_of([domain.id]))


def look_up(address: str) -> DomainView:
    """Return the domain status for this address."""
    name = domain_of(address)
    row = db.session.scalar(sa.select(SenderDomain).where(SenderDomain.name == name))
    return _view(name, row, (address,), _keys_of([row.id] if row else []))


def _keys_of(domain_ids: Sequence[int]) -> list[DkimKey]:
    """Return the keys of domains by state (active, retired, waiting), then algorithm."""
    return list(
        db.session.scalars(
            sa.select(DkimKey)
            .where(DkimKey.domain_id.in_(domain_ids))
            .order_by(DkimKey.state, DkimKey.algorithm.desc(), DkimKey.id.desc())
        )
    )


def _view(
    name: str, row: SenderDomain | None, senders: Sequence[str], keys: Iterable[DkimKey]
) -> DomainView:
    seen = tuple(_key_view(key, name) for key in keys if row and key.domain_id == row.id)
    freemail = freemail_service(name)
    return DomainView(
        name=name,
        public_id=row.public_id if row else "",
        senders=tuple(sorted(senders)),
        keys=seen,
        freemail=freemail,
        standing=_standing(seen, freemail),
    )


def _standing(keys: Sequence[KeyView], freemail: str) -> Standing:
    active = [key for key in keys if key.state == "active"]
    if any(key.finding in {"missing", "wrong"} for key in active):
        return "broken"
    if active:
        return "signed"
    if any(key.state == "waiting" for key in keys):
        return "waiting"
    return "freemail" if freemail else "unsigned"


def _key_view(key: DkimKey, name: str) -> KeyView:
    record = record_of(key.algorithm, key.public_key)
    return KeyView(
        public_id=key.public_id,
        algorithm=key.algorithm,
        algorithm_name=_NAMES[key.algorithm],
        selector=key.selector,
        state=key.state,
        host=host_of(key.selector, name),
        record=record,
        strings=tuple(record[at : at + TXT_STRING] for at in range(0, len(record), TXT_STRING)),
        finding=key.finding,
        finding_text=key.finding_text,
        checked_at=key.checked_at,
        activated_at=key.activated_at,
        keep_until=key.retired_at + KEEP_RECORD if key.retired_at else None,
        can_sign=bool(key.private_key),
    )
