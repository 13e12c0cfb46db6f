"""Sender domains and their DKIM keys: made here, shown as DNS records, put to use, retired.

A key waits until its record is found in DNS, then it signs; the one before it is retired, and
its record stays in DNS for a week, for the mails that are still on their way.
"""

import base64
import re
import string
from collections.abc import Iterable, Mapping, Sequence
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
from campaigns.providers.dns import LookupFailedError, Resolver
from campaigns.providers.models import DkimKey, SenderAddress, SenderDomain
from campaigns.providers.senders import FREEMAIL
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError, Vault

Algorithm = Literal["rsa", "ed25519"]
Finding = Literal["found", "missing", "wrong", "unreachable"]
Standing = Literal["freemail", "unsigned", "waiting", "broken", "signed"]
"""freemail: nobody but its owner can sign; broken: signed, but others cannot check it."""

RSA_BITS = 2048
KEEP_RECORD = timedelta(days=7)
"""So long a retired key's record stays in DNS: mails wait, and are checked late."""
TXT_STRING = 255
MAX_DOMAINS = 200

_NAMES: dict[str, str] = {"rsa": "RSA", "ed25519": "Ed25519"}
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as people see it. `record` is its TXT value, `strings` the same in DNS's pieces."""

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
    """Retired: the moment from which its record may go."""
    can_sign: bool


@dataclass(frozen=True, slots=True)
class DomainView:
    """A domain that mail is sent from, or that was set up. `public_id` is empty before that."""

    name: str
    public_id: str
    senders: tuple[str, ...]
    keys: tuple[KeyView, ...]
    freemail: str
    standing: Standing

    @property
    def signing(self) -> tuple[KeyView, ...]:
        return tuple(key for key in self.keys if key.state == "active")

    def in_use(self, algorithm: str) -> tuple[KeyView, ...]:
        """Those of this algorithm that sign, or wait to."""
        return tuple(
            key for key in self.keys if key.algorithm == algorithm and key.state != "retired"
        )


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key that signs, readable."""

    selector: str
    algorithm: Algorithm
    pem: str


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask DNS about one key."""

    key_id: int
    host: str
    algorithm: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS says about one key, and a sentence about it."""

    key_id: int
    finding: Finding
    text: str


# --- what there is ----------------------------------------------------------------------------


def find(public_id: str) -> SenderDomain | None:
    return db.session.scalar(sa.select(SenderDomain).where(SenderDomain.public_id == public_id))


def find_key(domain: SenderDomain, public_id: str) -> DkimKey | None:
    return db.session.scalar(
        sa.select(DkimKey).where(DkimKey.domain_id == domain.id, DkimKey.public_id == public_id)
    )


def overview() -> list[DomainView]:
    """Every domain that mail is sent from or that was set up, by name."""
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
    addresses_at = [
        address
        for address in db.session.scalars(sa.select(SenderAddress.address))
        if domain_of(address) == domain.name
    ]
    return _view(domain.name, domain, addresses_at, _keys_of([domain.id]))


def look_up(address: str) -> DomainView:
    """How mail from this address stands."""
    name = domain_of(address)
    row = db.session.scalar(sa.select(SenderDomain).where(SenderDomain.name == name))
    return _view(name, row, (address,), _keys_of([row.id] if row else []))


def domain_of(address: str) -> str:
    """The domain of an address, lower case, as A-labels."""
    try:
        return addresses.parse(address).domain
    except addresses.InvalidAddressError:
        return address.rpartition("@")[2].lower()


def freemail_service(name: str) -> str:
    """Whose domain this is, if it is one for everybody: `Gmail`."""
    return next((service for service, (own, _) in FREEMAIL.items() if name in own), "")


def secret_keys(address: str, vault: Vault) -> tuple[str, list[SecretKey]]:
    """The domain of this address, and its keys that sign, RSA first.

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


def _keys_of(domain_ids: Sequence[int]) -> list[DkimKey]:
    """Those in use first, then the latest retired."""
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


def host_of(selector: str, name: str) -> str:
    return f"{selector}._domainkey.{name}"


def record_of(algorithm: str, public_key: str) -> str:
    return f"v=DKIM1; k={algorithm}; p={public_key}"


# --- domains and keys are made, put to use, retired, deleted ------------------------------------


def set_up(name: str, vault: Vault, *, now: datetime) -> SenderDomain:
    """The domain with this name, with an RSA key that waits. Raises InvalidInputError."""
    name = _checked_name(name)
    domain = db.session.scalar(sa.select(SenderDomain).where(SenderDomain.name == name))
    if domain is not None:
        raise InvalidInputError({"name": f"{name} is set up already."})
    domain = SenderDomain(name=name, created_at=now)
    db.session.add(domain)
    try:
        db.session.flush()
    except sa.exc.IntegrityError:  # somebody else was a moment earlier
        raise InvalidInputError({"name": f"{name} is set up already."}) from None
    make_key(domain, "rsa", "", vault, now=now)
    return domain


def make_key(
    domain: SenderDomain, algorithm: str, selector: str, vault: Vault, *, now: datetime
) -> DkimKey:
    """A new key that waits for its record; an empty selector gets a name with the date.

    Raises InvalidInputError.
    """
    if algorithm not in _NAMES:
        raise InvalidInputError({"algorithm": "Choose RSA or Ed25519."})
    _lock(domain.id)
    rows = db.session.scalars(sa.select(DkimKey).where(DkimKey.domain_id == domain.id)).all()
    if any(key.state == "waiting" and key.algorithm == algorithm for key in rows):
        text = (
            f"A new {_NAMES[algorithm]} key waits already. Put its record into DNS, or discard it."
        )
        raise InvalidInputError({"algorithm": text})
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
    """Sign with this one from now on; the one before it is retired. Whether this call did it."""
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
    """One change of a domain's keys at a time."""
    db.session.flush()
    db.session.get(SenderDomain, domain_id, with_for_update=True)


def retire(key: DkimKey, *, now: datetime) -> bool:
    """Sign with it no more, without another in its place. Whether this call did it."""
    changed = db.session.execute(
        sa.update(DkimKey)
        .where(DkimKey.id == key.id, DkimKey.state == "active")
        .values(state="retired", retired_at=now)
        .execution_options(synchronize_session=False)
    )
    db.session.expire_all()
    return bool(rows_changed(changed))


def discard(key: DkimKey, *, now: datetime) -> bool:
    """Delete a key that waits, or whose time after retirement is over. Whether it was done."""
    is_over = sa.and_(DkimKey.state == "retired", DkimKey.retired_at <= now - KEEP_RECORD)
    deleted = db.session.execute(
        sa.delete(DkimKey)
        .where(DkimKey.id == key.id, sa.or_(DkimKey.state == "waiting", is_over))
        .execution_options(synchronize_session=False)
    )
    db.session.expire_all()
    return bool(rows_changed(deleted))


def past_use(now: datetime) -> list[int]:
    """Keys that were retired a week ago: nobody takes them back any more."""
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
    """The private parts of these keys, if they are retired still."""
    db.session.execute(
        sa.update(DkimKey)
        .where(DkimKey.id.in_(key_ids), DkimKey.state == "retired")
        .values(private_key="")
        .execution_options(synchronize_session=False)
    )


def delete(domain: SenderDomain) -> None:
    """With all its keys: mail from it leaves unsigned from now on."""
    db.session.execute(sa.delete(DkimKey).where(DkimKey.domain_id == domain.id))
    db.session.delete(domain)
    db.session.flush()


def generate(algorithm: str) -> tuple[str, str]:
    """A new key: the private part as PEM, the public part as it stands in p= of its record."""
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
        raise InvalidInputError(
            {"name": "This is not the name of a domain. Write it like news.example.org."}
        ) from None
    if service := freemail_service(found):
        raise InvalidInputError(
            {"name": f"{found} belongs to {service}: nobody else can put keys into its DNS."}
        )
    return found


def _checked_selector(selector: str, name: str, taken: set[str]) -> str:
    selector = selector.strip().lower()
    if not selector:
        return ""
    if not all(_LABEL.fullmatch(label) for label in selector.split(".")):
        text = "A selector has letters, digits and hyphens, like s20260131."
        raise InvalidInputError({"selector": text})
    if len(host_of(selector, name)) > 253:
        raise InvalidInputError({"selector": "This selector is too long for the domain."})
    if selector in taken:
        text = "This selector is used already: every key needs one of its own."
        raise InvalidInputError({"selector": text})
    return selector


def _default_selector(algorithm: str, taken: set[str], now: datetime) -> str:
    """`s20260131`, for Ed25519 `e20260131`; with a letter behind it when that one is taken."""
    first = f"{'e' if algorithm == 'ed25519' else 's'}{now:%Y%m%d}"
    names = [first, *(first + letter for letter in string.ascii_lowercase[1:])]
    free = next((name for name in names if name not in taken), "")
    if not free:
        raise InvalidInputError({"selector": "Too many keys today. Choose a name yourself."})
    return free


# --- what DNS says ----------------------------------------------------------------------------


def questions(domain: SenderDomain) -> list[Question]:
    """What to ask about the keys that sign or wait. The asking needs no database."""
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
    """Look for a key's record. Never raises."""
    try:
        texts = resolver.texts(asked.host)
    except LookupFailedError as error:
        return Answer(asked.key_id, "unreachable", str(error))
    return Answer(asked.key_id, *judge(texts, asked.algorithm, asked.public_key))


def judge(texts: Sequence[str], algorithm: str, public_key: str) -> tuple[Finding, str]:
    """Whether these TXT records are the one of this key, and a sentence about it."""
    records = [tags for tags in map(_tags, texts) if "p" in tags]
    if not records:
        if texts:
            return "wrong", "There is a TXT record at this name, but it is no DKIM key."
        return "missing", "There is no record at this name yet. New ones can take an hour to show."
    if len(records) > 1:
        return "wrong", "There are several keys at this name. Only the one shown here may stand."
    problem = _problem(records[0], algorithm, public_key)
    if problem:
        return "wrong", problem
    if "y" in records[0].get("t", "").split(":"):
        return "found", "Found. It says t=y (only a test): take that out of the record."
    return "found", "Found."


def _problem(tags: Mapping[str, str], algorithm: str, public_key: str) -> str:
    if tags.get("v", "DKIM1") != "DKIM1":
        return "The record does not begin with v=DKIM1."
    if not tags["p"]:
        return "The record says that this key is revoked (p= is empty)."
    if tags["p"] != public_key:
        if public_key.startswith(tags["p"]):
            return "The end of the key is missing: some forms cut long values off."
        return "Another key stands there. Copy the value once more, all of it."
    if tags.get("k", "rsa") != algorithm:
        return f"The record should say k={algorithm}."
    if "sha256" not in tags.get("h", "sha256").split(":"):
        return "The record forbids SHA-256 (h=). Take h= out of it."
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return "The record is not for mail (s=). Take s= out of it."
    return ""


def _tags(text: str) -> dict[str, str]:
    """The tags of a record, without any blanks: the values we look at have none."""
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip(): re.sub(r"\s", "", value) for name, _, value in pairs}


def note(domain: SenderDomain, answers: Iterable[Answer], *, now: datetime) -> list[str]:
    """Keep what DNS said; a key that waited for its record signs. Gives those keys' selectors."""
    begun = []
    for answer in answers:
        key = db.session.get(DkimKey, answer.key_id, populate_existing=True)
        if key is None or key.domain_id != domain.id:
            continue
        key.finding, key.finding_text, key.checked_at = answer.finding, answer.text, now
        db.session.flush()
        selector = key.selector
        if key.state == "waiting" and answer.finding == "found" and activate(key, now=now):
            begun.append(selector)
    return begun
