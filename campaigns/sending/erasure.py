"""Deleting people: nothing here may name them afterwards, and every count stays right."""

from collections.abc import Collection

import sqlalchemy as sa

from campaigns.audience import subscribers
from campaigns.audience.models import Subscriber
from campaigns.db import db, is_postgresql
from campaigns.sending.models import Delivery, TransactionalMail

_PEOPLE = 727_002
"""The key of an advisory lock: shared by who writes down people, exclusive for who erases."""


def erase(subscriber_ids: Collection[int]) -> int:
    """Erase these subscribers; returns how many there were. At most some hundreds at once.

    Their deliveries keep their rows, without address and subscriber: those not yet handed over
    are skipped at claim time, as for anybody who is on none of the campaign's lists.
    """
    # What is being written down at this moment could not be seen, and would name them for good.
    _lock("pg_advisory_xact_lock")
    ids = sorted(subscriber_ids)
    people = db.session.execute(
        sa.select(Subscriber.address, Subscriber.address_normal).where(Subscriber.id.in_(ids))
    )
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.subscriber_id.in_(ids))
        .values(address="", subscriber_id=None)
    )
    db.session.execute(
        sa.delete(TransactionalMail).where(
            sa.func.lower(TransactionalMail.address).in_(
                sorted({text for address, normal in people for text in _lowered(address, normal)})
            )
        )
    )
    return subscribers.delete(ids)


def keep_everybody() -> None:
    """Until this transaction ends nobody is erased: for who writes down many people.

    Waits for erasures under way. Those that come meanwhile wait.
    """
    _lock("pg_advisory_xact_lock_shared")


def _lock(function: str) -> None:
    if is_postgresql():  # SQLite has one writer at a time
        db.session.execute(sa.select(getattr(sa.func, function)(_PEOPLE)))


def _lowered(address: str, normal: str) -> set[str]:
    """What the lower() of a database makes of the address.

    Some lower the case of every letter, some of ASCII's only.
    """
    ascii_only = "".join(char.lower() if char.isascii() else char for char in address)
    return {normal, address.lower(), ascii_only}
