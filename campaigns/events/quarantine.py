"""Implausibly many hard bounces at one mailbox provider: a person decides; nobody is suppressed.

A faulty server may report every mailbox as unknown. The bounces stay in the report; only their
suppressions wait (rule B4). Refusals during sending have the same rule in `refusals`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.addresses import normalise
from campaigns.audience import suppressions
from campaigns.audience.mailbox_providers import OTHER
from campaigns.audience.models import LiftedSuppression, Subscriber
from campaigns.audience.suppressions import Evidence
from campaigns.campaign.models import Delivery, HeldGroup
from campaigns.db import db, insert_ignoring, rows_changed
from campaigns.events.models import Event
from campaigns.events.policy import HARD_CLASSES, SPIKE_BOUNCES, SPIKE_MINUTES, is_bounce_spike
from campaigns.throttling.slowed_domains import domain_of

KIND = "bounces"
CHUNK = 1_000

Provider = tuple[int, str]
"""A campaign and a mailbox group, or a domain outside of all groups."""


def provider_of(campaign_id: int, mailbox_group: str, address: str) -> Provider:
    """Return where an email of a campaign bounced."""
    return campaign_id, mailbox_group if mailbox_group != OTHER else domain_of(address) or OTHER


def held(
    bounced: Collection[tuple[Provider, datetime]], words: str, *, now: datetime
) -> set[Provider]:
    """Return which of these are on hold, after new hard bounces there. Holds those with a spike.

    `bounced`: where and when. `words`: what a server said. Earlier suppressions of the same spike
    are lifted.
    """
    if not bounced:
        return set()
    campaigns = {campaign_id for (campaign_id, _), _ in bounced}
    decided = {
        (row.campaign_id, row.mailbox_group): row.decision
        for row in db.session.scalars(
            sa.select(HeldGroup).where(HeldGroup.campaign_id.in_(sorted(campaigns)))
        )
    }
    on_hold = {one for one, _ in bounced if decided.get(one) == ""}
    for provider, (since, count) in sorted(_peaks(bounced).items()):
        if (
            decided.get(provider) not in ("", "gone")
            and count >= SPIKE_BOUNCES
            and is_bounce_spike(count, _sent(provider))
        ):
            _hold(provider, words, since, now)
            on_hold.add(provider)
    return on_hold


def _peaks(
    bounced: Collection[tuple[Provider, datetime]],
) -> dict[Provider, tuple[datetime, int]]:
    """Return when the worst `SPIKE_MINUTES` around these bounces began, and their hard bounces.

    By the time of the bounces, not of their arrival, which may be hours later after an outage.
    """
    times = [at for _, at in bounced]
    reach = timedelta(minutes=SPIKE_MINUTES)
    minutes = _by_minute({one[0] for one, _ in bounced}, min(times) - reach, max(times) + reach)
    peaks: dict[Provider, tuple[datetime, int]] = {}
    for provider, minute in {(one, _minute_of(at)) for one, at in bounced}:
        known = minutes[provider]
        for first in range(minute - SPIKE_MINUTES + 1, minute + 1):
            count = sum(known[one] for one in range(first, first + SPIKE_MINUTES))
            if provider not in peaks or count > peaks[provider][1]:
                peaks[provider] = datetime.fromtimestamp(first * 60, UTC), count
    return peaks


def _minute_of(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _by_minute(
    campaign_ids: Collection[int], since: datetime, until: datetime
) -> dict[Provider, Counter[int]]:
    """Count the hard bounces of these campaigns, by minute since 1970."""
    epoch = sa.cast(sa.func.floor(sa.extract("epoch", Event.at)), sa.BigInteger)
    minute = (epoch // sa.literal_column("60", sa.Integer())).label("minute")
    rows = db.session.execute(
        sa.select(
            Event.campaign_id,
            Delivery.mailbox_group,
            Subscriber.domain,
            minute,
            sa.func.count(Delivery.id.distinct()),
        )
        .join(Delivery, Delivery.id == Event.delivery_id)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(
            Event.campaign_id.in_(sorted(campaign_ids)),
            Event.kind == "bounced",
            Event.at >= since,
            Event.at <= until,
            Event.incoming_id.is_not(None),
            Event.reply_class.in_(HARD_CLASSES),
        )
        .group_by(Event.campaign_id, Delivery.mailbox_group, Subscriber.domain, minute)
    )
    found: dict[Provider, Counter[int]] = defaultdict(Counter)
    for campaign_id, group, domain, number, count in rows:
        found[provider_of(campaign_id, group, f"@{domain or ''}")][number] += count
    return found


def _at(provider: Provider) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for the deliveries of a campaign at a provider."""
    campaign_id, name = provider
    if "." not in name:
        return Delivery.campaign_id == campaign_id, Delivery.mailbox_group == name
    people = sa.select(Subscriber.id).where(Subscriber.domain == name)
    return (
        Delivery.campaign_id == campaign_id,
        Delivery.mailbox_group == OTHER,
        Delivery.subscriber_id.in_(people),
    )


def _sent(provider: Provider) -> int:
    counted = sa.select(sa.func.count()).where(*_at(provider), Delivery.status == "sent")
    return db.session.scalar(counted) or 0


def _hold(provider: Provider, words: str, since: datetime, now: datetime) -> None:
    campaign_id, name = provider
    values = {"held_at": now, "words": words, "decision": "", "kind": KIND}
    key = {"campaign_id": campaign_id, "mailbox_group": name}
    db.session.execute(insert_ignoring(HeldGroup), [key | values])
    db.session.execute(
        sa.update(HeldGroup)
        .where(HeldGroup.campaign_id == campaign_id, HeldGroup.mailbox_group == name)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    suppressions.lift_bounced([row.id for row in _bounced(provider, since)])


def _bounced(provider: Provider, since: datetime | None = None) -> Sequence[Any]:
    """Return the hard bounces at a provider, without those whose suppression a person removed."""
    removed = sa.select(LiftedSuppression.delivery_id).where(
        LiftedSuppression.delivery_id.is_not(None)
    )
    return db.session.execute(
        sa.select(
            Delivery.id,
            Delivery.subscriber_id,
            Delivery.address,
            Event.id.label("event_id"),
            Event.detail,
        )
        .join(Event, Event.delivery_id == Delivery.id)
        .where(
            *_at(provider),
            Event.kind == "bounced",
            Event.incoming_id.is_not(None),
            Event.reply_class == "hard",
            Delivery.id.not_in(removed),
            *([Event.at >= since] if since else []),
        )
        .order_by(Delivery.id)
    ).all()


# --- the decision ---------------------------------------------------------------------------------


def waiting(campaign_id: int, name: str) -> int:
    """Return how many hard bounces at a provider on hold have no consequence yet."""
    return len({row.id for row in _bounced((campaign_id, name))})


def believe(campaign_id: int, name: str, *, now: datetime) -> int | None:
    """Accept the bounces as true: suppress the addresses. Returns how many.

    Suppresses the addresses that bounced, even if a person has another one now. None if there was
    nothing (more) to decide. Later bounces there count at once.
    """
    if not _decide(campaign_id, name, "gone"):
        return None
    evidence: Iterable[Evidence] = (
        Evidence(normalise(row.address), campaign_id, row.id, row.detail, row.event_id)
        for row in _bounced((campaign_id, name))
        if row.subscriber_id is not None
    )
    return suppressions.suppress_bounced(evidence, now=now)


def dismiss(campaign_id: int, name: str) -> bool:
    """Decide that the bounces were a fault of the server: nobody is suppressed."""
    return _decide(campaign_id, name, "again")


def _decide(campaign_id: int, name: str, decision: str) -> bool:
    decided = db.session.execute(
        sa.update(HeldGroup)
        .where(
            HeldGroup.campaign_id == campaign_id,
            HeldGroup.mailbox_group == name,
            HeldGroup.decision == "",
            HeldGroup.kind == KIND,
        )
        .values(decision=decision)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(decided) == 1
