"""Domains whose return addresses reach us, so that emails can offer to unsubscribe by email.

A setting would not be enough: requests to an address that nobody reads would be lost. The proof is
a bounce test that came back by email to the return path. It stays valid while the mailbox or
listener that received it works and further emails arrive.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from campaigns import addresses
from campaigns.db import db, upsert
from campaigns.providers.models import ProviderAccount, ReturnDomain, SenderAddress

VALID = timedelta(days=90)
"""Time after the last email to a return address for which the proof is valid."""
ALIVE = timedelta(hours=1)
"""Time after which a mailbox that was not read, or a listener that stopped, proves nothing."""
NOTE_INTERVAL = timedelta(hours=1)

ProofState = Literal["unproven", "proven", "stale", "stopped"]
"""
unproven  no bounce test has come back by email
proven    emails to these return addresses reach us
stale     nothing has arrived for too long
stopped   the mailbox is not read, or the listener does not run
"""


def domain_of(address: str) -> str:
    """Return the domain of a sender address, as return paths have it; "" if it has none."""
    try:
        return addresses.parse(address).domain
    except addresses.InvalidAddressError:
        return ""


def state_of(proof: ReturnDomain | None, *, now: datetime) -> ProofState:
    """Return whether emails to the return addresses are proven to reach us."""
    if proof is None:
        return "unproven"
    if proof.came_at < now - VALID:
        return "stale"
    # The pipe is not a process of ours: only what arrives shows that it works.
    if proof.source != "pipe" and proof.alive_at < now - ALIVE:
        return "stopped"
    return "proven"


def proven_for(sender_id: int | None, *, now: datetime) -> str:
    """Return the domain of a sender address if its return addresses provably reach us, else ""."""
    row = db.session.execute(
        sa.select(SenderAddress.address, SenderAddress.provider_id)
        .join(ProviderAccount, ProviderAccount.id == SenderAddress.provider_id)
        .where(SenderAddress.id == sender_id, ~ProviderAccount.rewrites_return_path)
    ).one_or_none()
    if row is None:
        return ""
    domain = domain_of(row.address)
    proof = db.session.get(ReturnDomain, (row.provider_id, domain), populate_existing=True)
    return domain if state_of(proof, now=now) == "proven" else ""


def domains_of(account_id: int) -> list[str]:
    """Return the domains that an account sends from, in alphabetical order."""
    senders = db.session.scalars(
        sa.select(SenderAddress.address).where(SenderAddress.provider_id == account_id)
    )
    return sorted({domain for sender in senders if (domain := domain_of(sender))})


def accounts_at(domains: Collection[str]) -> set[int]:
    """Return the accounts that send from any of these domains."""
    rows = db.session.execute(sa.select(SenderAddress.address, SenderAddress.provider_id))
    return {row.provider_id for row in rows if domain_of(row.address) in domains}


def proofs_of(account_id: int) -> dict[str, ReturnDomain]:
    """Return the proofs of an account, by domain."""
    rows = db.session.scalars(sa.select(ReturnDomain).where(ReturnDomain.account_id == account_id))
    return {row.domain: row for row in rows}


def prove(
    account_id: int, domain: str, *, source: str, mailbox_id: int | None, now: datetime
) -> None:
    """Note that a bounce test came back to a return address of this domain."""
    values = {
        "source": source,
        "mailbox_id": mailbox_id,
        "proven_at": now,
        "came_at": now,
        "alive_at": now,
    }
    insert = upsert(ReturnDomain).values(account_id=account_id, domain=domain, **values)
    db.session.execute(
        insert.on_conflict_do_update(index_elements=["account_id", "domain"], set_=values)
    )


def note_came(domains: Collection[str], *, now: datetime) -> None:
    """Note an email to a return address of these domains, which alone proves nothing."""
    if domains:
        _note(
            ReturnDomain.domain.in_(sorted(domains)),
            ReturnDomain.came_at < now - NOTE_INTERVAL,
            came_at=now,
        )


def note_alive(
    *, now: datetime, mailbox_id: int | None = None, sources: Sequence[str] = ()
) -> None:
    """Note that a mailbox was read, or that we listen to mail servers."""
    where = (
        ReturnDomain.mailbox_id == mailbox_id if mailbox_id else ReturnDomain.source.in_(sources)
    )
    _note(where, ReturnDomain.alive_at < now - ALIVE / 6, alive_at=now)


def _note(*conditions: sa.ColumnElement[bool], **values: datetime) -> None:
    db.session.execute(
        sa.update(ReturnDomain)
        .where(*conditions)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def forget_mailbox(mailbox_id: int) -> None:
    """Drop the proofs of a mailbox that was replaced, or is no longer read."""
    db.session.execute(sa.delete(ReturnDomain).where(ReturnDomain.mailbox_id == mailbox_id))
