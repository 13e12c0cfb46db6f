"""The consequences of what came back: its events are recorded, and `policy` is applied.

Only a token with our signature finds a delivery; forging one takes our secret. Everything happens
in one transaction, and only for events that were not known before: what is reported twice, late or
out of order has no further effect.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.addresses import normalise
from campaigns.audience import subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import LiftedSuppression, Subscriber
from campaigns.audience.suppressions import Evidence
from campaigns.campaign.models import CampaignList, Delivery
from campaigns.db import db
from campaigns.events import attribution, bounce_history, feedback_rules, quarantine, rates, record
from campaigns.events.feedback import MAX_REPLY, Feedback
from campaigns.events.incoming import NO_TOKEN
from campaigns.events.models import Incoming
from campaigns.events.policy import Consequence, consequence_of
from campaigns.events.tracking import clean_user_agent
from campaigns.messages import EventKind
from campaigns.reason import Reason
from campaigns.tokens import (
    FIRST_TEST_ID,
    BadTokenError,
    Signer,
    find_delivery_tokens,
    read_delivery_token,
)

CHUNK = 1_000
MAX_TOKENS = 20
"""Number of tokens that are tried for one event."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Number of events that were not known before, and the reason if there were none."""

    new_events: int
    verdict: Reason | None = None


@dataclass(frozen=True, slots=True)
class EventPlace:
    """The delivery that an event is about, as it was before the event."""

    id: int
    campaign_id: int
    subscriber_id: int | None
    list_id: int | None
    mailbox_group: str
    address: str
    status: str
    sent_at: datetime | None
    is_delivered: bool
    has_bounced: bool
    has_complained: bool


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """A reported event whose delivery was found. `event_id`: its row, if it is new."""

    place: EventPlace
    feedback: Feedback
    consequence: Consequence
    event_id: int = 0


def apply(
    feedbacks: Sequence[Feedback], *, incoming: Incoming, signer: Signer, now: datetime
) -> Applied:
    """Record what a post or an email reports, and act on it. At most a few thousand events."""
    signed = [(delivery_id_of(one, signer), one) for one in feedbacks]
    places = _lock({delivery_id for delivery_id, _ in signed if delivery_id})
    found = [
        FoundEvent(places[delivery_id], one, consequence_of(one))
        for delivery_id, one in signed
        if delivery_id in places
    ]
    if incoming.channel == "email":
        found = _one_of_each(found)
    new = list(_record(found, incoming, now))
    sent = {(one.place.campaign_id, one.place.sent_at or one.feedback.at) for one in found}
    attribution.attribute(incoming, signed, sent, now=now)
    rates.count(_counted(new), now=now)
    _suppress(new, incoming, now)
    _unsubscribe(new, now)
    if incoming.channel == "email":
        _unsubscribe_again(found, new, incoming, now)
    return Applied(len(new), None if new else _verdict(signed, found))


def _one_of_each(found: Sequence[FoundEvent]) -> list[FoundEvent]:
    """Return one event of each kind for each delivery, as each email was sent to one recipient.

    An email with one token may report about any number of recipients: those of a forwarded email,
    or invented ones. What it says about the address of the delivery comes first.
    """
    by_kind: dict[tuple[int, str], FoundEvent] = {}
    for one in found:
        key = one.place.id, one.feedback.kind
        if key not in by_kind or (_is_own(one) and not _is_own(by_kind[key])):
            by_kind[key] = one
    return list(by_kind.values())


def _is_own(one: FoundEvent) -> bool:
    return one.feedback.recipient.lower() == one.place.address.lower()


def delivery_id_of(feedback: Feedback, signer: Signer) -> int:
    """Return the delivery that the event carries our signature for; 0 if it carries none."""
    tokens = [feedback.token.lower()] if feedback.token else []
    for message_id in feedback.message_ids[:MAX_TOKENS]:
        tokens += find_delivery_tokens(message_id)
    for token in tokens[:MAX_TOKENS]:
        try:
            return read_delivery_token(signer, token)
        except BadTokenError:
            continue
    return 0


def _lock(ids: Collection[int]) -> dict[int, EventPlace]:
    """Lock these deliveries in the order of ids, so that two jobs cannot deadlock."""
    places: dict[int, EventPlace] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), CHUNK):
        rows = db.session.execute(
            sa.select(
                Delivery.id,
                Delivery.campaign_id,
                Delivery.subscriber_id,
                Delivery.list_id,
                Delivery.mailbox_group,
                Delivery.address,
                Delivery.status,
                Delivery.sent_at,
                Delivery.delivered_at.is_not(None),
                Delivery.bounced_at.is_not(None),
                Delivery.complained_at.is_not(None),
            )
            .where(Delivery.id.in_(wanted[start : start + CHUNK]))
            .order_by(Delivery.id)
            .with_for_update(key_share=True)
        )
        places |= {row.id: EventPlace(*row) for row in rows}
    return places


# --- events ---------------------------------------------------------------------------------------


def _record(found: Sequence[FoundEvent], incoming: Incoming, now: datetime) -> Iterator[FoundEvent]:
    """Store the events, and yield those that were not known."""
    by_dedupe: dict[str, FoundEvent] = {}
    for one in found:
        if one.consequence.event is not None:
            by_dedupe.setdefault(_dedupe(one, incoming), one)
    rows = [_row(dedupe, one, incoming, now) for dedupe, one in by_dedupe.items()]
    added = record.store(rows)
    new = [by_dedupe[dedupe] for dedupe in added]
    kinds = {(one.place.id, one.consequence.event) for one in new if one.consequence.event}
    record.stamp(kinds)
    unknown = {one.place.id for one in found if one.place.status == "unknown"}
    record.resolve([pair for pair in kinds if pair[0] in unknown], now=now)
    for dedupe, event_id in added.items():
        one = by_dedupe[dedupe]
        yield FoundEvent(one.place, one.feedback, one.consequence, event_id)


def _dedupe(one: FoundEvent, incoming: Incoming) -> str:
    """Return a key that is the same for an event, however and however often it is reported.

    An email is delivered once, bounces once in each class and leads to one complaint. The other
    events happen several times; what an email reports, once an hour, as anyone can invent its id.
    """
    feedback, number = one.feedback, one.place.id
    match feedback.kind:
        case "delivered":
            return f"delivered:{number}"
        case "bounced":
            return f"bounced:{number}:{feedback.reply_class}"
        case "complained":
            return f"complained:{number}"
        case "unsubscribed":
            return f"unsubscribe:{number}"
    if incoming.channel == "email":
        return f"{feedback.kind}:{number}:hour:{int(feedback.at.timestamp() // 3600)}"
    if feedback.event_id:
        return f"{incoming.source}:{feedback.kind}:{number}:{feedback.event_id[:200]}"
    return f"{feedback.kind}:{number}:{int(feedback.at.timestamp() // 60)}"


def _row(dedupe: str, one: FoundEvent, incoming: Incoming, now: datetime) -> dict[str, object]:
    feedback = one.feedback
    return {
        "delivery_id": one.place.id,
        "campaign_id": one.place.campaign_id,
        "kind": one.consequence.event,
        "at": min(feedback.at, now),
        "dedupe": dedupe,
        "link_number": None,
        "user_agent": clean_user_agent(feedback.user_agent),
        "incoming_id": incoming.id,
        "reply_class": feedback.reply_class,
        "status": feedback.feedback_type if feedback.kind == "complained" else feedback.status,
        "detail": feedback.reply[:MAX_REPLY],
    }


def _verdict(signed: Iterable[tuple[int, Feedback]], found: Sequence[FoundEvent]) -> Reason | None:
    """Return why nothing is new."""
    if any(one.consequence.event for one in found):
        return Reason("incoming.known")
    if found:
        return Reason("incoming.harmless")
    ids = [delivery_id for delivery_id, _ in signed]
    if any(delivery_id >= FIRST_TEST_ID for delivery_id in ids):
        return Reason("incoming.test")
    if not ids:
        return Reason("incoming.nothing")
    return Reason("incoming.deleted") if any(ids) else NO_TOKEN


def _counted(new: Iterable[FoundEvent]) -> Iterator[rates.TallyEntry]:
    """Yield what counts: each delivery once as bounced, once as complained, once as delivered."""
    seen: set[tuple[int, EventKind]] = set()
    for one in new:
        place, kind = one.place, one.consequence.event
        is_known = {
            "bounced": place.has_bounced,
            "complained": place.has_complained,
            "delivered": place.is_delivered,
        }
        if kind and one.consequence.tally and not is_known[kind] and (place.id, kind) not in seen:
            seen.add((place.id, kind))
            at = place.sent_at or one.feedback.at
            tally = one.consequence.tally
            yield rates.TallyEntry(place.campaign_id, place.mailbox_group, at, tally)


def _unsubscribe(new: Sequence[FoundEvent], now: datetime) -> None:
    """End subscriptions to the lists of the campaign, as the link in the email does."""
    for place, left, subscriber_id in _leaving(new):
        subscriptions.unsubscribe(
            left, subscriber_id, ConsentEvidence("email", now), campaign_id=place.campaign_id
        )


def _unsubscribe_again(
    found: Sequence[FoundEvent], new: Sequence[FoundEvent], incoming: Incoming, now: datetime
) -> None:
    """End subscriptions that began after the person left by the same email, and before this one.

    A replayed email keeps its time of receipt, so it ends nothing that began after that.
    """
    known = {one.place.id for one in found} - {one.place.id for one in new}
    for place, left, subscriber_id in _leaving([one for one in found if one.place.id in known]):
        since = subscriptions.begun_before(left, subscriber_id, incoming.received_at)
        subscriptions.unsubscribe(
            since, subscriber_id, ConsentEvidence("email", now), campaign_id=place.campaign_id
        )


def _leaving(found: Sequence[FoundEvent]) -> Iterator[tuple[EventPlace, set[int], int]]:
    """Yield who wants to leave which lists, without people who were erased."""
    places = [one.place for one in found if one.consequence.person == "unsubscribe"]
    if not places:
        return
    lists = _lists_of({place.campaign_id for place in places})
    # In the order of people, so that two jobs cannot deadlock.
    for place in sorted(places, key=lambda place: place.subscriber_id or 0):
        if place.subscriber_id is not None:
            left = {*lists.get(place.campaign_id, ()), *filter(None, [place.list_id])}
            yield place, left, place.subscriber_id


def _lists_of(campaign_ids: Collection[int]) -> dict[int, set[int]]:
    rows = db.session.execute(
        sa.select(CampaignList.campaign_id, CampaignList.list_id).where(
            CampaignList.campaign_id.in_(sorted(campaign_ids)), ~CampaignList.is_excluded
        )
    )
    found: dict[int, set[int]] = {}
    for campaign_id, list_id in rows:
        found.setdefault(campaign_id, set()).add(list_id)
    return found


# --- suppressions ---------------------------------------------------------------------------------


def _suppress(new: Sequence[FoundEvent], incoming: Incoming, now: datetime) -> None:
    """Suppress the addresses that bounced for good, or whose people complained."""
    bounced = [one for one in new if one.consequence.event == "bounced"]
    gone = [
        *_without_held([one for one in bounced if one.consequence.person == "suppress"], now),
        *_repeated([one for one in bounced if one.consequence.person == "count"], now),
    ]
    complained = [
        one
        for one in new
        if one.consequence.event == "complained" and one.consequence.person == "suppress"
    ]
    if complained and suppressions.suppress_complained(_evidence(complained), now=now):
        incoming.is_evidence = True
    if gone and suppressions.suppress_bounced(_evidence(gone, is_bounce=True), now=now):
        incoming.is_evidence = True


def _repeated(bounced: Sequence[FoundEvent], now: datetime) -> list[FoundEvent]:
    """Return a bounce of each person whose emails bounced often enough to give up."""
    of_people = {one.place.subscriber_id: one for one in bounced}
    ids = [number for number in of_people if number is not None]
    if not ids:
        return []
    repeated = bounce_history.repeated(
        ids, feedback_rules.load(), now=now, settled=bounce_history.SETTLED_AFTER
    )
    return [of_people[number] for number in sorted(repeated)]


def _without_held(gone: Sequence[FoundEvent], now: datetime) -> list[FoundEvent]:
    """Leave out bounces at mailbox providers that bounce too many to be credible."""
    words = next((one.feedback.reply for one in gone if one.feedback.reply), "")
    bounced = {(_provider(one), min(one.feedback.at, now)) for one in gone}
    held = quarantine.held(bounced, words, now=now)
    return [one for one in gone if _provider(one) not in held]


def _provider(one: FoundEvent) -> quarantine.Provider:
    place = one.place
    return quarantine.provider_of(place.campaign_id, place.mailbox_group, place.address)


def _evidence(found: Collection[FoundEvent], *, is_bounce: bool = False) -> list[Evidence]:
    """Return the addresses; without people who were erased.

    Bounces do not count for an address whose suppression was reverted after the email was sent.
    """
    people = {one.place.subscriber_id for one in found if one.place.subscriber_id is not None}
    known = _addresses(people, is_bounce=is_bounce)
    evidence = []
    for one in found:
        normal, lifted_at = known.get(one.place.subscriber_id or 0, ("", None))
        if normal and is_bounce and (bounced := normalise(one.place.address)) != normal:
            normal, lifted_at = bounced, None  # the person has another address since
        sent_at = one.place.sent_at or one.feedback.at
        if normal and (lifted_at is None or sent_at > lifted_at):
            campaign_id, words = one.place.campaign_id, one.feedback.reply
            evidence.append(Evidence(normal, campaign_id, one.place.id, words, one.event_id))
    return evidence


def _addresses(
    subscriber_ids: Collection[int], *, is_bounce: bool
) -> dict[int, tuple[str, datetime | None]]:
    """Return {subscriber: (address, time of the last revert)}."""
    ids = sorted(subscriber_ids)
    lifted_at = sa.func.max(LiftedSuppression.lifted_at, type_=LiftedSuppression.lifted_at.type)
    found: dict[int, tuple[str, datetime | None]] = {}
    for start in range(0, len(ids), CHUNK):
        rows = db.session.execute(
            sa.select(Subscriber.id, Subscriber.address_normal, lifted_at)
            .outerjoin(
                LiftedSuppression,
                sa.and_(
                    LiftedSuppression.address_normal == Subscriber.address_normal,
                    sa.literal(is_bounce),
                ),
            )
            .where(Subscriber.id.in_(ids[start : start + CHUNK]))
            .group_by(Subscriber.id, Subscriber.address_normal)
        )
        found |= {number: (normal, at) for number, normal, at in rows}
    return found
