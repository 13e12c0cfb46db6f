"""Claim deliveries for sending: queued -> sending, with a token and a lease.

Anyone who has unsubscribed, been suppressed or been deleted is skipped here. Consent can also be
withdrawn while a claimed delivery waits: `withdrawn` repeats the check, and the engine calls it
until the body is sent. `outcomes` writes the results of a claim.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audience import tags
from campaigns.audience.mailbox_providers import OTHER
from campaigns.audience.models import Subscriber, Subscription, Suppression
from campaigns.campaign.models import Campaign, CampaignList, Claim, Delivery
from campaigns.db import claimable, database_now, db, rows_at_once, rows_changed, rows_given
from campaigns.delivery import domain_waits
from campaigns.messages import Recipient


@dataclass(frozen=True, slots=True)
class Claimed:
    """The result of a claim: recipients, and the number of rows taken per group.

    `taken` includes rows of people who had unsubscribed or were suppressed.
    """

    recipients: Sequence[Recipient]
    taken: Mapping[str, int]


def claim(
    campaign_id: int,
    wants: Mapping[str, int],
    *,
    token: str,
    lease: timedelta,
    now: datetime,
    with_tags: bool = False,
) -> Claimed:
    """Claim at most these numbers of due deliveries per group, if the campaign is `sending`.

    `with_tags`: the content shows the recipients' tags.
    """
    current = sa.select(Campaign.provider_id).where(
        Campaign.id == campaign_id, Campaign.status == "sending"
    )
    found = db.session.execute(current).one_or_none()
    if found is None:
        return Claimed((), {})
    taken = Counter(
        {group: _claim_group(campaign_id, group, count, token, now)
         for group, count in sorted(wants.items()) if count > 0}
    )  # fmt: skip
    if not taken.total():
        return Claimed((), {})
    until = database_now(now, lease)
    db.session.execute(
        sa.insert(Claim).values(token=token, campaign_id=campaign_id, lease_until=until)
    )
    recipients = _load(campaign_id, token, now)
    waiting = domain_waits.postpone(found[0] or 0, token, recipients, now=now)
    if waiting:
        taken[OTHER] -= len(waiting)  # their share of the limits is returned
        recipients = [person for person in recipients if person.delivery_id not in waiting]
    if with_tags:
        recipients = _tagged(recipients)
    return Claimed(recipients, +taken)


def _tagged(recipients: Sequence[Recipient]) -> list[Recipient]:
    names = tags.names_of([person.subscriber_id for person in recipients])
    return [replace(person, tags=names.get(person.subscriber_id, ())) for person in recipients]


def renew(tokens: Collection[str], *, lease: timedelta, now: datetime) -> set[str]:
    """Extend the leases of these claims.

    Returns those it extended. An expired lease is lost, even if nobody has settled it yet.
    """
    if not tokens:
        return set()
    return set(
        db.session.scalars(
            sa.update(Claim)
            .where(Claim.token.in_(sorted(tokens)), Claim.lease_until > database_now(now))
            .values(lease_until=database_now(now, lease))
            .returning(Claim.token)
            .execution_options(synchronize_session=False)
        )
    )


def close(tokens: Collection[str]) -> None:
    """Delete claims of which every delivery has an outcome."""
    if tokens:
        db.session.execute(sa.delete(Claim).where(Claim.token.in_(sorted(tokens))))


def queued_groups(campaign_id: int) -> list[str]:
    """Return the mailbox groups with queued rows, by one index lookup each instead of a scan."""
    groups: list[str] = []
    last = ""
    while True:
        found = db.session.scalar(
            sa.select(Delivery.mailbox_group)
            .where(
                Delivery.campaign_id == campaign_id,
                Delivery.status == sa.literal_column("'queued'"),
                Delivery.mailbox_group > last,
            )
            .order_by(Delivery.mailbox_group)
            .limit(1)
        )
        if found is None:
            return groups
        groups.append(found)
        last = found


def due_groups(campaign_id: int, *, now: datetime) -> list[str]:
    """Return the mailbox groups of a campaign with deliveries to claim."""
    return [
        group
        for group in queued_groups(campaign_id)
        if any(
            db.session.scalar(_queued(campaign_id, group, is_due).limit(1)) is not None
            for is_due in _due(now)
        )
    ]


def _due(now: datetime) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Return two conditions: deferred and due again; never tried. Each is a range of the index.

    Joined by OR they would not be: every claim would read all deferred rows.
    """
    return Delivery.not_before <= now, Delivery.not_before.is_(None)


def _queued(campaign_id: int, group: str, is_due: sa.ColumnElement[bool]) -> sa.Select[int]:
    return (
        sa.select(Delivery.id)
        .where(
            Delivery.campaign_id == campaign_id,
            # A literal, not a bound value: otherwise the databases do not use the partial index.
            Delivery.status == sa.literal_column("'queued'"),
            Delivery.mailbox_group == group,
            is_due,
        )
        .order_by(Delivery.not_before, Delivery.id)
    )


def _claim_group(campaign_id: int, group: str, count: int, token: str, now: datetime) -> int:
    claimed = 0
    for is_due in _due(now):
        if claimed < count:
            due = _queued(campaign_id, group, is_due).limit(count - claimed)
            claimed += _take(due, token, now)
    return claimed


def _take(due: sa.Select[int], token: str, now: datetime) -> int:
    result = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(claimable(due)))
        .values(
            status="sending",
            claim_token=token,
            not_before=None,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result)


def withdrawn(delivery_ids: Collection[int]) -> dict[int, str]:
    """Return those of these claimed deliveries that must no longer be sent, with reasons.

    One read-only statement, which sees every withdrawal committed before it began. Accepts
    thousands of ids.
    """
    if not delivery_ids:
        return {}
    given = rows_given([{"id": number} for number in delivery_ids], {"id": sa.BigInteger()})
    asked = (
        sa.select(Delivery.id, _GONE.label("gone"))
        .select_from(given)
        .join(Delivery, Delivery.id == given.c.id)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .subquery("asked")
    )
    rows = db.session.execute(sa.select(asked.c.id, asked.c.gone).where(asked.c.gone != ""))
    return {number: reason for number, reason in rows}  # noqa: C416


_SUPPRESSED = (
    sa.select(Suppression.address_normal)
    .where(Suppression.address_normal == Subscriber.address_normal)
    .correlate(Subscriber)
    .exists()
)
_SUBSCRIBED = (
    sa.select(Subscription.subscriber_id)
    .join(CampaignList, CampaignList.list_id == Subscription.list_id)
    .where(
        CampaignList.campaign_id == Delivery.campaign_id,
        ~CampaignList.is_excluded,
        Subscription.subscriber_id == Delivery.subscriber_id,
        Subscription.state == "subscribed",
    )
    .correlate(Delivery)
    .exists()
)
_GONE = sa.case(
    (Subscriber.id.is_(None), "deleted"),
    (_SUPPRESSED, "suppressed"),
    (~_SUBSCRIBED, "unsubscribed"),
    else_="",
)
"""Why a delivery must no longer be sent; empty if it may. For Delivery LEFT JOIN Subscriber."""


def _load(campaign_id: int, token: str, now: datetime) -> list[Recipient]:
    """Return the recipients of a claim who may be sent to; mark the others `skipped`."""
    rows = rows_at_once(
        sa.select(
            Delivery.id,
            Delivery.subscriber_id,
            Delivery.list_id,
            Delivery.address,
            Delivery.mailbox_group,
            Subscriber.name,
            Subscriber.attributes,
            Subscriber.first_name,
            Subscriber.last_name,
            Delivery.segments,
            _GONE.label("gone"),
        )
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(
            Delivery.campaign_id == campaign_id,
            Delivery.status == sa.literal_column("'sending'"),
            Delivery.claim_token == token,
        )
        .order_by(Delivery.id)
    )
    recipients, gone = [], []
    for row in rows:
        number, subscriber, list_id, address, group, name, attributes, first, last, bits, reason = (
            row
        )
        if reason:
            gone.append((number, reason))
        else:
            known = (name, attributes, group, first, last, (), bits or 0)
            recipients.append(Recipient(number, subscriber, list_id or 0, address, *known))
    skip(token, gone, now=now)
    return recipients


def skip(token: str, gone: Collection[tuple[int, str]], *, now: datetime) -> None:
    """Mark deliveries of this claim as skipped: (delivery id, reason) each."""
    by_reason = defaultdict(list)
    for number, reason in gone:
        by_reason[reason].append(number)
    for reason, ids in sorted(by_reason.items()):
        db.session.execute(
            sa.update(Delivery)
            .where(
                Delivery.id.in_(ids), Delivery.claim_token == token, Delivery.status == "sending"
            )
            .values(status="skipped", reason=reason, claim_token=None, updated_at=now)
            .execution_options(synchronize_session=False)
        )
