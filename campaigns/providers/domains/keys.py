"""DKIM keys: create, activate, retire and delete them.

A key waits until its record is found in DNS, then it signs. The previous key is retired, and its
record stays in DNS for a week, for emails still in transit.
"""

import base64
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from campaigns import addresses
from campaigns.db import db, rows_changed
from campaigns.inputs import InvalidInputError
from campaigns.providers.domains.names import domain_of, freemail_service, host_of
from campaigns.providers.models import DKIM_ALGORITHMS, DkimKey, SenderDomain
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError, Vault

Algorithm = Literal["rsa", "ed25519"]

RSA_BITS = 2048
KEEP_RECORD = timedelta(days=7)
"""Time that a retired key's record stays in DNS: emails in queues are verified late."""
LONGEST_HOST = 253
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """An active key, decrypted."""

    selector: str
    algorithm: Algorithm
    pem: str


def secret_keys(address: str, vault: Vault) -> tuple[str, list[SecretKey]]:
    """Return the domain of this address and its active keys, RSA first.

    Raises SecretUnreadableError.
    """
    name = domain_of(address)
    keys = db.session.scalars(
        sa.select(DkimKey)
        .join(SenderDomain, SenderDomain.id == DkimKey.domain_id)
        .where(SenderDomain.name == name, DkimKey.state == "active")
        .order_by(DkimKey.algorithm.desc())
    )
    return name, [_opened(key, name, vault) for key in keys]


def _opened(key: DkimKey, name: str, vault: Vault) -> SecretKey:
    try:
        pem = vault.decrypt(key.private_key)
    except SecretUnreadableError:
        raise SecretUnreadableError(Reason("domain.key_unreadable", {"domain": name})) from None
    return SecretKey(key.selector, cast("Algorithm", key.algorithm), pem)


def set_up(name: str, vault: Vault, *, now: datetime) -> SenderDomain:
    """Create the domain with a waiting RSA key. Raises InvalidInputError."""
    name = _checked_name(name)
    already = {"name": Reason("domain.already_set_up", {"domain": name})}
    domain = db.session.scalar(sa.select(SenderDomain).where(SenderDomain.name == name))
    if domain is not None:
        raise InvalidInputError(already)
    domain = SenderDomain(name=name, created_at=now)
    db.session.add(domain)
    try:
        db.session.flush()
    except sa.exc.IntegrityError:  # created at the same time by someone else
        raise InvalidInputError(
            {"name": Reason("domain.already_set_up", {"domain": name})}
        ) from None
    make_key(domain, "rsa", "", vault, now=now)
    return domain


def make_key(
    domain: SenderDomain, algorithm: str, selector: str, vault: Vault, *, now: datetime
) -> DkimKey:
    """Create a key that waits for its record. The default selector contains the date.

    Raises InvalidInputError.
    """
    if algorithm not in DKIM_ALGORITHMS:
        raise InvalidInputError({"algorithm": Reason("domain.algorithm_missing")})
    _lock(domain.id)
    rows = db.session.scalars(sa.select(DkimKey).where(DkimKey.domain_id == domain.id)).all()
    if any(key.state == "waiting" and key.algorithm == algorithm for key in rows):
        raise InvalidInputError({"algorithm": Reason("domain.key_already_waits")})
    taken = {key.selector for key in rows}
    chosen = _checked_selector(selector, domain.name, taken) or _default_selector(
        algorithm, taken, now
    )
    pem, public = generate(algorithm)
    key = DkimKey(
        domain_id=domain.id,
        algorithm=algorithm,
        selector=chosen,
        private_key=vault.encrypt(pem),
        public_key=public,
        created_at=now,
    )
    db.session.add(key)
    db.session.flush()
    return key


def activate(key: DkimKey, *, now: datetime) -> bool:
    """Sign with this key and retire the previous one. Returns whether that changed anything."""
    _lock(key.domain_id)
    found = db.session.get(DkimKey, key.id, populate_existing=True)
    if found is None or found.state == "active" or not found.private_key:
        return False
    db.session.execute(
        sa.update(DkimKey)
        .where(
            DkimKey.domain_id == key.domain_id,
            DkimKey.algorithm == key.algorithm,
            DkimKey.state == "active",
        )
        .values(state="retired", retired_at=now)
        .execution_options(synchronize_session=False)
    )
    changed = db.session.execute(
        sa.update(DkimKey)
        .where(DkimKey.id == key.id, DkimKey.state != "active")
        .values(state="active", activated_at=now, retired_at=None)
        .execution_options(synchronize_session=False)
    )
    db.session.expire_all()
    return bool(rows_changed(changed))


def _lock(domain_id: int) -> None:
    """Let only one transaction at a time change the keys of a domain."""
    db.session.flush()
    db.session.get(SenderDomain, domain_id, with_for_update=True)


def retire(key: DkimKey, *, now: datetime) -> bool:
    """Stop signing with this key, without a replacement. Returns whether that changed anything."""
    changed = db.session.execute(
        sa.update(DkimKey)
        .where(DkimKey.id == key.id, DkimKey.state == "active")
        .values(state="retired", retired_at=now)
        .execution_options(synchronize_session=False)
    )
    db.session.expire_all()
    return bool(rows_changed(changed))


def discard(key: DkimKey, *, now: datetime) -> bool:
    """Delete a key that waits or was retired a week ago. Returns whether it did."""
    is_over = sa.and_(DkimKey.state == "retired", DkimKey.retired_at <= now - KEEP_RECORD)
    deleted = db.session.execute(
        sa.delete(DkimKey)
        .where(DkimKey.id == key.id, sa.or_(DkimKey.state == "waiting", is_over))
        .execution_options(synchronize_session=False)
    )
    db.session.expire_all()
    return bool(rows_changed(deleted))


def past_use(now: datetime) -> list[int]:
    """Return the ids of keys retired more than a week ago, which cannot be activated again."""
    return list(
        db.session.scalars(
            sa.select(DkimKey.id).where(
                DkimKey.state == "retired",
                DkimKey.retired_at <= now - KEEP_RECORD,
                DkimKey.private_key != "",
            )
        )
    )


def erase(key_ids: Sequence[int]) -> None:
    """Erase the private parts of these keys, if they are still retired."""
    db.session.execute(
        sa.update(DkimKey)
        .where(DkimKey.id.in_(key_ids), DkimKey.state == "retired")
        .values(private_key="")
        .execution_options(synchronize_session=False)
    )


def delete(domain: SenderDomain) -> None:
    """Delete the domain with all its keys. Emails from it are no longer signed."""
    db.session.execute(sa.delete(DkimKey).where(DkimKey.domain_id == domain.id))
    db.session.delete(domain)
    db.session.flush()


def generate(algorithm: str) -> tuple[str, str]:
    """Create a key: the private part as PEM, the public part as in p= of its record."""
    if algorithm == "ed25519":
        small = Ed25519PrivateKey.generate()
        raw = small.public_key().public_bytes_raw()  # RFC 8463, 4: not wrapped, as RSA's is
        pem = small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    else:
        large = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        raw = large.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pem = large.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode("ascii"), base64.b64encode(raw).decode("ascii")


def _checked_name(name: str) -> str:
    name = name.strip().rstrip(".")
    try:
        found = addresses.parse(f"x@{name.rpartition('@')[2]}").domain
    except addresses.InvalidAddressError:
        raise InvalidInputError({"name": Reason("domain.name_invalid")}) from None
    if service := freemail_service(found):
        params = {"domain": found, "service": service}
        raise InvalidInputError({"name": Reason("domain.owned_by_service", params)})
    return found


def _checked_selector(selector: str, name: str, taken: set[str]) -> str:
    selector = selector.strip().lower()
    if not selector:
        return ""
    if not all(_LABEL.fullmatch(label) for label in selector.split(".")):
        raise InvalidInputError({"selector": Reason("domain.selector_invalid")})
    if len(host_of(selector, name)) > LONGEST_HOST:
        raise InvalidInputError({"selector": Reason("domain.selector_too_long")})
    if selector in taken:
        raise InvalidInputError({"selector": Reason("domain.selector_taken")})
    return selector


def _default_selector(algorithm: str, taken: set[str], now: datetime) -> str:
    """Return `s20260131`, for Ed25519 `e20260131`; a letter is added if that is taken."""
    first = f"{'e' if algorithm == 'ed25519' else 's'}{now:%Y%m%d}"
    names = [first, *(first + letter for letter in string.ascii_lowercase[1:])]
    free = next((name for name in names if name not in taken), "")
    if not free:
        raise InvalidInputError({"selector": Reason("domain.selector_missing")})
    return free
