"""Sign up to a list: the request, its confirmation email, the confirmation, the welcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.addresses import parse, without_tag
from campaigns.audience import subscribers, subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, ConsentEvent, Subscriber
from campaigns.db import db
from campaigns.tokens import ConfirmRef
from campaigns.transactional import list_emails, queue

CONFIRM_WITHIN = timedelta(days=7)
CONFIRMATIONS_PER_DAY = 3
"""Limit of confirmation emails to a mailbox per day, whoever enters its address. Addresses with
a plus tag (`victim+1@`) reach the same mailbox and count together."""

Standing = Literal["open", "done", "expired", "used", "gone"]
"""State of a confirmation link.

open     the person may confirm
done     they are on the list
expired  too old
used     they have unsubscribed since; they can sign up again
gone     the list or the person has been deleted
"""


def find_public_list(public_id: str) -> AudienceList | None:
    """Return the list with an open sign-up page; None for all others."""
    return db.session.scalar(
        sa.select(AudienceList).where(
            AudienceList.public_id == public_id,
            AudienceList.is_public,
            AudienceList.archived_at.is_(None),
        )
    )


def sign_up(
    list_id: int,
    address: str,
    *,
    name: str,
    attributes: Mapping[str, Any] | None = None,
    evidence: ConsentEvidence,
) -> int | None:
    """Record a sign-up; returns the id of the confirmation email to ring for.

    `attributes` are the values of new subscribers: a stranger must not change those of others.

    None if no email is sent: already subscribed, suppressed, or requested too often today. The
    response must not reveal which. Raises addresses.InvalidAddressError.
    """
    now = evidence.at
    normal = parse(address).normal
    if suppressions.is_suppressed(normal):
        return None
    # One request at a time: concurrent ones would each count no earlier request.
    db.session.get(AudienceList, list_id, with_for_update={"key_share": True})
    if _requests_lately(normal, now) >= CONFIRMATIONS_PER_DAY:
        return None
    subscriber, _ = subscribers.find_or_create(address, name=name, attributes=attributes, now=now)
    if not subscriptions.request(list_id, subscriber.id, evidence):
        return None
    payload = {
        "subscriber_id": subscriber.id,
        "list_id": list_id,
        "sent_at": int(now.timestamp()),
    }
    return queue.enqueue("confirm", subscriber.address, payload, now=now).id


def _requests_lately(address_normal: str, now: datetime) -> int:
    mailbox = without_tag(address_normal)
    local, _, domain = mailbox.rpartition("@")
    # An index range: everything that begins with `local+`.
    tagged = sa.and_(
        Subscriber.address_normal >= f"{local}+",
        Subscriber.address_normal < f"{local}{chr(ord('+') + 1)}",
        Subscriber.domain == domain,
    )
    count = db.session.scalar(
        sa.select(sa.func.count(ConsentEvent.id))
        .join(Subscriber, Subscriber.id == ConsentEvent.subscriber_id)
        .where(
            sa.or_(Subscriber.address_normal == mailbox, tagged),
            ConsentEvent.kind == "requested",
            ConsentEvent.at > now - timedelta(days=1),
        )
    )
    return count or 0


def standing(ref: ConfirmRef, *, now: datetime) -> Standing:
    """Return the state of this confirmation link."""
    state = subscriptions.state(ref.list_id, ref.subscriber_id)
    if state is None or db.session.get(Subscriber, ref.subscriber_id) is None:
        return "gone"
    if state == "subscribed":
        return "done"
    if state == "unsubscribed":
        return "used"
    if now.timestamp() - ref.sent_at > CONFIRM_WITHIN.total_seconds():
        return "expired"
    return "open"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The state of a link before, and the id of the welcome email to ring for, if any."""

    before: Standing
    mail_id: int | None = None


def confirm(ref: ConfirmRef, evidence: ConsentEvidence) -> Confirmed:
    """Confirm if the link is valid, and queue the list's welcome email if it has one."""
    before = standing(ref, now=evidence.at)
    if before != "open" or not subscriptions.confirm(ref.list_id, ref.subscriber_id, evidence):
        return Confirmed(before)
    return Confirmed(before, _welcome(ref, evidence.at))


def _welcome(ref: ConfirmRef, now: datetime) -> int | None:
    if not list_emails.sends_welcome(ref.list_id):
        return None
    person = db.session.get_one(Subscriber, ref.subscriber_id)
    payload = {"subscriber_id": person.id, "list_id": ref.list_id}
    return queue.enqueue("welcome", person.address, payload, now=now).id
