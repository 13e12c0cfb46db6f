"""Erase people: nothing names them afterwards, and every count stays correct."""

from collections.abc import Collection

import sqlalchemy as sa

from campaigns.audience import erasure_lock, subscribers
from campaigns.audience.models import LiftedSuppression, Subscriber, Suppression
from campaigns.audience.suppressions import AUTOMATIC
from campaigns.campaign.models import Delivery
from campaigns.db import db, lock_in_order
from campaigns.privacy import stored_bodies
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail


def erase(subscriber_ids: Collection[int]) -> int:
    """Erase these subscribers, at most a few hundred; returns how many existed.

    Their delivery rows stay, without address and subscriber: the claim skips those not sent yet, as
    for anyone who has left the campaign's lists.
    """
    # Rows of open transactions are not yet visible, and would keep naming them.
    erasure_lock.prevent_inserts()
    ids = sorted(subscriber_ids)
    # Before their events: what comes back about them takes the same order.
    theirs = sa.select(Delivery.id).where(Delivery.subscriber_id.in_(ids))
    lock_in_order(theirs)
    people = db.session.execute(
        sa.select(Subscriber.address, Subscriber.address_normal).where(Subscriber.id.in_(ids))
    ).all()
    is_to_them = queue.is_to((row.address, row.address_normal) for row in people)
    normals = {row.address_normal for row in people}
    stored_bodies.forget(ids, {row.address for row in people} | normals)
    db.session.execute(
        sa.delete(LiftedSuppression).where(LiftedSuppression.address_normal.in_(sorted(normals)))
    )
    db.session.execute(
        sa.update(Suppression)
        .where(Suppression.address_normal.in_(sorted(normals)), Suppression.reason.in_(AUTOMATIC))
        .values(note="")
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.subscriber_id.in_(ids))
        .values(address="", subscriber_id=None)
    )
    db.session.execute(sa.delete(TransactionalEmail).where(is_to_them))
    return subscribers.delete(ids)
