"""Erasing people: nothing may name them afterwards, and every count stays correct."""

from collections.abc import Collection

import sqlalchemy as sa

from campaigns.audience import erasure_lock, subscribers
from campaigns.audience.models import Subscriber
from campaigns.campaign.models import Delivery
from campaigns.db import db
from campaigns.transactional.models import TransactionalEmail


def erase(subscriber_ids: Collection[int]) -> int:
    """Erase these subscribers; returns how many there were. At most some hundreds at once.

    Their deliveries keep their rows, without address and subscriber: those not yet handed over
    are skipped at claim time, as for anybody who is on none of the campaign's lists.
    """
    # Rows being written at this moment are not visible yet and would keep naming them.
    erasure_lock.erase_alone()
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
        sa.delete(TransactionalEmail).where(
            sa.func.lower(TransactionalEmail.address).in_(
                sorted({text for address, normal in people for text in _lowered(address, normal)})
            )
        )
    )
    return subscribers.delete(ids)


def _lowered(address: str, normal: str) -> set[str]:
    """Return what the lower() of a database makes of the address.

    Some lower the case of every letter, some of ASCII's only.
    """
    ascii_only = "".join(char.lower() if char.isascii() else char for char in address)
    return {normal, address.lower(), ascii_only}
