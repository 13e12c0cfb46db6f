"""Unsubscribe by the link of an email, and undo it.

A link contains the person, a list and its delivery. While the delivery exists, the link applies to
every list of its campaign; after that, only to the one list.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audience import subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, ConsentEvent, Subscription
from campaigns.campaign.models import CampaignList, Delivery
from campaigns.db import db, lock_in_order
from campaigns.events.record import record
from campaigns.events.tracking import unsubscribed
from campaigns.tokens import DeliveryRef

UNDO_WITHIN = timedelta(hours=24)
"""Time within which unsubscribing can be undone without a new confirmation email."""


@dataclass(frozen=True, slots=True)
class LeavableList:
    """A list as shown to the person who leaves it."""

    list_id: int
    name: str


def places(ref: DeliveryRef) -> list[LeavableList]:
    """Return the lists that this link unsubscribes from, by name."""
    return _places(
        Subscription.subscriber_id == ref.subscriber_id,
        Subscription.list_id.in_(_newsletter(ref)[1]),
        Subscription.state != "unsubscribed",
    )


def other_places(ref: DeliveryRef) -> list[LeavableList]:
    """Return the lists the person is on that this link does not affect."""
    return _places(
        Subscription.subscriber_id == ref.subscriber_id,
        Subscription.list_id.not_in(_newsletter(ref)[1]),
        Subscription.state != "unsubscribed",
    )


def leave(ref: DeliveryRef, evidence: ConsentEvidence, *, everything: bool = False) -> list[int]:
    """Unsubscribe from the link's lists, or from `everything`. Returns the ids of the lists left.

    Does nothing the second time, or for an unknown person.
    """
    _lock(ref)
    campaign_id, lists = _newsletter(ref)
    left = subscriptions.unsubscribe(
        None if everything else lists, ref.subscriber_id, evidence, campaign_id=campaign_id
    )
    if left and campaign_id is not None:
        event = unsubscribed(ref.delivery_id, at=evidence.at, user_agent=evidence.user_agent)
        record([event], now=evidence.at)
    return left


def recently_left(ref: DeliveryRef, *, now: datetime) -> list[LeavableList]:
    """Return the lists that the person left by a link in the last day and has not rejoined."""
    latest = (
        sa.select(sa.func.max(ConsentEvent.id))
        .where(
            ConsentEvent.subscriber_id == ref.subscriber_id,
            ConsentEvent.list_id.is_not(None),
        )
        .group_by(ConsentEvent.list_id)
    )
    return _places(
        Subscription.subscriber_id == ref.subscriber_id,
        Subscription.state == "unsubscribed",
        Subscription.list_id.in_(
            sa.select(ConsentEvent.list_id).where(
                ConsentEvent.id.in_(latest),
                ConsentEvent.kind == "unsubscribed",
                ConsentEvent.channel.in_(("page", "one_click")),
                ConsentEvent.at > now - UNDO_WITHIN,
            )
        ),
    )


def resubscribe(ref: DeliveryRef, evidence: ConsentEvidence) -> list[int]:
    """Resubscribe to the lists left in the last day. Returns their ids."""
    _lock(ref)
    back = [
        place.list_id
        for place in recently_left(ref, now=evidence.at)
        if subscriptions.subscribe(place.list_id, ref.subscriber_id, evidence)
    ]
    if back and ref.delivery_id:
        # The event stays; the delivery shows the current state.
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.id == ref.delivery_id, Delivery.subscriber_id == ref.subscriber_id)
            .values(unsubscribed_at=None)
            .execution_options(synchronize_session=False)
        )
    return back


def _lock(ref: DeliveryRef) -> None:
    """Lock the delivery before the subscriptions, the order in which events lock them."""
    lock_in_order(sa.select(Delivery.id).where(Delivery.id == ref.delivery_id))


def _newsletter(ref: DeliveryRef) -> tuple[int | None, Collection[int]]:
    """Return the campaign of the link and the lists it applies to, in one query.

    (None, the link's own list) if that delivery was deleted or belongs to someone else.
    """
    parameters = {"delivery": ref.delivery_id, "subscriber": ref.subscriber_id}
    rows = db.session.execute(_NEWSLETTER, parameters).all()
    lists = {ref.list_id, *(row.list_id for row in rows if row.list_id is not None)}
    return (rows[0].campaign_id if rows else None), sorted(lists)


# Built once: one-click responses must be fast, and building this costs more than running it.
_NEWSLETTER = (
    sa.select(Delivery.campaign_id, CampaignList.list_id)
    .outerjoin(
        CampaignList,
        sa.and_(CampaignList.campaign_id == Delivery.campaign_id, ~CampaignList.is_excluded),
    )
    .where(
        Delivery.id == sa.bindparam("delivery"),
        Delivery.subscriber_id == sa.bindparam("subscriber"),
    )
)


def _places(*where: sa.ColumnElement[bool]) -> list[LeavableList]:
    rows = db.session.execute(
        sa.select(AudienceList.id, AudienceList.name)
        .join(Subscription, Subscription.list_id == AudienceList.id)
        .where(*where)
        .order_by(AudienceList.name)
    )
    return [LeavableList(list_id, name) for list_id, name in rows]
