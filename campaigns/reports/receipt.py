"""Why a subscriber got a campaign, did not get it, or would get it now.

Their delivery says why, if there is one. If not, the reason comes from the campaign's lists and
segments: as they are for a campaign that has not started, and as they were when its audience was
frozen for any other. Subscriptions have a history; segments have none, so only their current
members are known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.audience.segments import members, references
from campaigns.audience.segments.explain import explain
from campaigns.audience.segments.leaves import Context
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import RulesError, parse
from campaigns.campaign.models import Campaign, CampaignList, CampaignSegment, Delivery, Reply
from campaigns.db import db
from campaigns.delivery.reasons import reason_of
from campaigns.reason import Reason

Verdict = Literal["yes", "no", "maybe", "not_yet"]

NOT_STARTED = ("draft", "scheduled")

_STATE_AFTER: Mapping[str, str] = {
    "requested": "pending",
    "confirmed": "subscribed",
    "subscribed": "subscribed",
    "unsubscribed": "unsubscribed",
}
"""The state of a subscription after a consent event."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that decided. `segment_public_id`: the segment that it is about."""

    reason: Reason
    segment_public_id: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer: a headline, and the facts behind it."""

    verdict: Verdict
    headline: Reason
    facts: tuple[Fact, ...] = ()
    reply: str = ""
    """The server's reply, if it says why."""


def receipt(campaign: Campaign, person: Subscriber, *, now: datetime) -> Receipt:
    """Explain one campaign to one person. Reads a few rows, however large the audience is."""
    row = db.session.execute(
        sa.select(
            Delivery,
            AudienceList.name.label("list_name"),
            sa.func.coalesce(Reply.text, "").label("reply"),
        )
        .outerjoin(AudienceList, AudienceList.id == Delivery.list_id)
        .outerjoin(Reply, Reply.id == Delivery.reply_id)
        .where(Delivery.subscriber_id == person.id, Delivery.campaign_id == campaign.id)
    ).first()
    if row is not None:
        return _of_delivery(row.Delivery, row.list_name or "", row.reply)
    if campaign.status in NOT_STARTED:
        return _would_get(campaign, person, now)
    if campaign.status == "preparing":
        return Receipt("not_yet", Reason("receipt.preparing"))
    if campaign.started_at is None:
        return Receipt("no", Reason("receipt.never_started"))
    return _did_not_get(campaign, campaign.started_at, person, now)


# --- With a delivery ------------------------------------------------------------------------------

_OF_STATUS: Mapping[str, tuple[Verdict, str]] = {
    "sent": ("yes", "receipt.sent"),
    "queued": ("not_yet", "receipt.queued"),
    "sending": ("not_yet", "receipt.sending"),
    "held": ("not_yet", "receipt.held"),
    "failed": ("no", "receipt.failed"),
    "skipped": ("no", "receipt.skipped"),
    "cancelled": ("no", "receipt.cancelled"),
    "unknown": ("maybe", "receipt.unknown"),
}


def _of_delivery(delivery: Delivery, list_name: str, reply: str) -> Receipt:
    verdict, code = _OF_STATUS[delivery.status]
    headline = Reason(code, {"sent_at": _iso(delivery.sent_at)} if delivery.sent_at else {})
    if delivery.status == "sent" and not delivery.sent_at:
        headline = Reason("receipt.sent_some_time")
    return Receipt(
        verdict,
        headline,
        tuple(Fact(reason) for reason in _delivery_facts(delivery, list_name)),
        reply.replace("{ref}", delivery.reply_ref),
    )


def _delivery_facts(delivery: Delivery, list_name: str) -> Iterator[Reason]:
    if found := reason_of(delivery.reason):
        yield found
    if delivery.status == "queued" and delivery.not_before:
        yield Reason("receipt.due", {"next_at": _iso(delivery.not_before)})
    if list_name:
        yield Reason("receipt.through_list", {"list": list_name})
    for code, at in (
        ("receipt.bounced", delivery.bounced_at),
        ("receipt.opened", delivery.first_opened_at),
        ("receipt.clicked", delivery.first_clicked_at),
        ("receipt.complained", delivery.complained_at),
        ("receipt.unsubscribed", delivery.unsubscribed_at),
    ):
        if at is not None:
            yield Reason(code, {"happened_at": _iso(at)})


# --- Without one ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Target:
    """A list of the campaign, and the person's state on it."""

    name: str
    is_excluded: bool
    state: str
    """pending, subscribed or unsubscribed; empty if never on it."""
    since: datetime | None


def _would_get(campaign: Campaign, person: Subscriber, now: datetime) -> Receipt:
    targets = _targets(campaign.id, person.id)
    against = [
        *_list_facts(targets),
        *_segment_facts(campaign.id, person.id, now, _NOW),
        *([Fact(Reason("receipt.is_suppressed"))] if _is_suppressed(person) else []),
    ]
    if against:
        return Receipt("no", Reason("receipt.would_not"), tuple(against))
    on = tuple(
        Fact(Reason("receipt.is_on_list", {"list": target.name}))
        for target in targets
        if not target.is_excluded and target.state == "subscribed"
    )
    return Receipt("yes", Reason("receipt.would"), on)


def _did_not_get(
    campaign: Campaign, started_at: datetime, person: Subscriber, now: datetime
) -> Receipt:
    headline = Reason("receipt.not_in_audience", {"started_at": _iso(started_at)})
    if person.created_at > started_at:
        added = Reason("receipt.added_later", {"added_at": _iso(person.created_at)})
        return Receipt("no", headline, (Fact(added),))
    targets = _targets(campaign.id, person.id)
    then = [_as_of(target, started_at, history) for target, history in
            zip(targets, _histories(campaign.id, person.id, started_at), strict=True)]  # fmt: skip
    facts = [
        *_list_facts(then, later=targets),
        *_segment_facts(campaign.id, person.id, now, _TODAY),
    ]
    return Receipt("no", headline, tuple(facts) or (Fact(Reason("receipt.unexplained")),))


def _list_facts(targets: Sequence[_Target], later: Sequence[_Target] = ()) -> list[Fact]:
    """Say which lists kept the person out. `later`: the same lists today."""
    included = [target for target in targets if not target.is_excluded]
    if not included:
        return [Fact(Reason("receipt.no_lists"))]
    found = []
    if not any(target.state == "subscribed" for target in included):
        today = {target.name: target for target in later}
        found = [Fact(_not_on(target, today.get(target.name))) for target in included]
    return found + [
        Fact(Reason("receipt.excluded_list", {"list": target.name}))
        for target in targets
        if target.is_excluded and target.state == "subscribed"
    ]


def _not_on(target: _Target, today: _Target | None) -> Reason:
    params: dict[str, Any] = {"list": target.name}
    if today and today.state == "subscribed" and today.since:
        return Reason("receipt.joined_later", {**params, "joined_at": _iso(today.since)})
    if target.state == "unsubscribed" and target.since:
        return Reason("receipt.left_list", {**params, "left_at": _iso(target.since)})
    if target.state == "pending":
        return Reason("receipt.pending", params)
    return Reason("receipt.never_on_list", params)


def _targets(campaign_id: int, subscriber_id: int) -> list[_Target]:
    """Return the campaign's lists, and the person's state on each today."""
    rows = db.session.execute(
        sa.select(
            AudienceList.name, CampaignList.is_excluded, Subscription.state, Subscription.state_at
        )
        .join(CampaignList, CampaignList.list_id == AudienceList.id)
        .outerjoin(
            Subscription,
            sa.and_(
                Subscription.list_id == AudienceList.id,
                Subscription.subscriber_id == subscriber_id,
            ),
        )
        .where(CampaignList.campaign_id == campaign_id)
        .order_by(AudienceList.id)
    )
    return [_Target(row.name, row.is_excluded, row.state or "", row.state_at) for row in rows]


def _histories(
    campaign_id: int, subscriber_id: int, before: datetime
) -> list[tuple[str, datetime] | None]:
    """Return the last consent event before a time for each of the campaign's lists, in order."""
    newest = (
        sa.select(sa.func.max(ConsentEvent.id))
        .where(ConsentEvent.subscriber_id == subscriber_id, ConsentEvent.at <= before)
        .group_by(ConsentEvent.list_id)
    )
    rows = db.session.execute(
        sa.select(ConsentEvent.kind, ConsentEvent.at)
        .select_from(CampaignList)
        .outerjoin(
            ConsentEvent,
            sa.and_(ConsentEvent.list_id == CampaignList.list_id, ConsentEvent.id.in_(newest)),
        )
        .where(CampaignList.campaign_id == campaign_id)
        .order_by(CampaignList.list_id)
    )
    return [(row.kind, row.at) if row.kind else None for row in rows]


def _as_of(target: _Target, at: datetime, event: tuple[str, datetime] | None) -> _Target:
    """Return the person's state on a list at a time, from the last event before it."""
    if target.since is not None and target.since <= at:
        return target  # it has not changed since
    state, since = (_STATE_AFTER[event[0]], event[1]) if event else ("", None)
    return _Target(target.name, target.is_excluded, state, since)


_NOW = ("receipt.outside_segment", "receipt.in_excluded_segment")
_TODAY = ("receipt.outside_segment_today", "receipt.in_excluded_segment_today")


def _segment_facts(
    campaign_id: int, subscriber_id: int, now: datetime, codes: tuple[str, str]
) -> list[Fact]:
    """Say which segments keep the person out: all included ones, or any excluded one."""
    rows = db.session.execute(
        sa.select(Segment.id, Segment.public_id, Segment.name, CampaignSegment.is_excluded)
        .select_from(CampaignSegment)
        .outerjoin(Segment, Segment.id == CampaignSegment.segment_id)
        .where(CampaignSegment.campaign_id == campaign_id)
        .order_by(Segment.name)
    ).all()
    if not rows:
        return []
    context = members.context_at(now)
    outside, inside, broken, is_in_one = [], [], [], False
    for row in rows:
        if row.id is None:
            broken.append(Fact(Reason("receipt.segment_deleted")))
            continue
        params = {"segment": row.name}
        holds = _is_in(row.id, subscriber_id, context)
        if holds is None:
            broken.append(Fact(Reason("receipt.segment_unusable", params), row.public_id))
            continue
        if row.is_excluded and holds:
            inside.append(Fact(Reason(codes[1], params), row.public_id))
        elif not row.is_excluded and not holds:
            outside.append(Fact(Reason(codes[0], params), row.public_id))
        is_in_one = is_in_one or (holds and not row.is_excluded)
    return [*([] if is_in_one else outside), *inside, *broken]


def _is_in(segment_id: int, subscriber_id: int, context: Context) -> bool | None:
    """Return whether someone is in a segment; None if its rules cannot be used."""
    try:
        if references.is_broken(segment_id, context.segments):
            return None
        return explain(parse(context.segments[segment_id]), subscriber_id, context).holds
    except (RulesError, LookupError):
        return None


def _is_suppressed(person: Subscriber) -> bool:
    found = sa.select(Suppression.id).where(Suppression.address_normal == person.address_normal)
    return db.session.scalar(found) is not None


def _iso(at: datetime) -> str:
    return at.isoformat()
