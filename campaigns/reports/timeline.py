"""Everything sent to a subscriber and done by them, newest first, page by page.

Each source of entries is a SELECT of (at, source, id). One UNION of them finds the keys of a page,
so a person with thousands of events costs as much memory as any other; only then are the rows of
this page read, in one statement per source.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.audience.bulk.models import BulkChange, BulkRun
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    ImportRun,
    LiftedSuppression,
    Subscriber,
    SubscriberTag,
    Suppression,
    Tag,
)
from campaigns.campaign.models import Campaign, CampaignLink, Delivery, Reply
from campaigns.campaign.title import title_of
from campaigns.db import UtcDateTime, db
from campaigns.events.models import Event, Incoming
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail

PAGE_SIZE = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Shown = Literal["all", "emails", "consent", "engagement"]
"""The filters of a timeline."""

Source = Literal[
    "added", "tag", "bulk", "consent", "suppression", "email", "delivery", "event", "lift"
]
_ORDER: tuple[Source, ...] = (
    "added",
    "tag",
    "bulk",
    "consent",
    "suppression",
    "email",
    "delivery",
    "event",
    "lift",
)
"""The sources; a later one counts as newer at the same time: an email is sent before its open."""

_EMAIL_EVENTS = ("delivered", "bounced", "complained")
_ENGAGEMENT_EVENTS = ("opened", "clicked")
# "unsubscribed" is left out: the consent event beside it says the same, and to which lists.
_OF_FILTER: Mapping[Shown, tuple[tuple[Source, ...], tuple[str, ...]]] = {
    "all": (_ORDER, _EMAIL_EVENTS + _ENGAGEMENT_EVENTS),
    "emails": (("email", "delivery", "event"), _EMAIL_EVENTS),
    "consent": (("consent", "suppression", "lift"), ()),
    "engagement": (("event",), _ENGAGEMENT_EVENTS),
}


@dataclass(frozen=True, slots=True)
class EntryKey:
    """The key of an entry: entries after it are older."""

    at: datetime
    source: int
    id: int

    def pack(self) -> str:
        """Return the key for a URL."""
        return f"{(self.at - _EPOCH) // _MICROSECOND}-{self.source}-{self.id}"

    @classmethod
    def unpack(cls, text: str | None) -> "EntryKey | None":
        """Return the key of `pack`; None for anything else in a URL typed by hand."""
        parts = (text or "").split("-")
        if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 18 for p in parts):
            return None
        micros, source, number = map(int, parts)
        try:
            return cls(_EPOCH + micros * _MICROSECOND, source, number)
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened. `kind` says what, in the words of its source.

    A delivery has its status as kind, an event, a consent event and a transactional email have
    theirs, a suppression and its removal the reason, a bulk action its name; "tagged" and "added"
    stand for themselves.
    """

    source: Source
    kind: str
    at: datetime
    campaign_public_id: str = ""
    campaign: str = ""
    """Name or subject; may be empty, for an untitled campaign."""
    reason: str = ""
    """The reason of a delivery, the class of a bounce, or the author of a suppression."""
    reply: str = ""
    """The server's reply, or the exact text shown to the person who agreed."""
    link: str = ""
    incoming: str = ""
    """Public id of the post or email that reported an event, if it is stored."""
    list_name: str = ""
    channel: str = ""
    ip: str = ""
    user_agent: str = ""
    file_name: str = ""
    import_public_id: str = ""
    tag: str = ""
    run: BulkRun | None = None
    """The bulk action that changed the profile."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page of entries, and the key of the next; empty on the last page."""

    entries: Sequence[TimelineEntry]
    after: str


def page(person: Subscriber, *, shown: Shown = "all", after: str | None = None) -> Timeline:
    """Return a page of a person's timeline, newest first."""
    names, kinds = _OF_FILTER[shown]
    keys = sa.union_all(*(_KEYS[name](person, kinds) for name in names)).subquery("keys")
    statement = sa.select(keys.c.at, keys.c.source, keys.c.id).order_by(
        keys.c.at.desc(), keys.c.source.desc(), keys.c.id.desc()
    )
    start = EntryKey.unpack(after)
    if start is not None:
        at = sa.literal(start.at, UtcDateTime())
        statement = statement.where(
            sa.tuple_(keys.c.at, keys.c.source, keys.c.id) < sa.tuple_(at, start.source, start.id)
        )
    rows = db.session.execute(statement.limit(PAGE_SIZE + 1)).all()
    found = [EntryKey(row.at, row.source, row.id) for row in rows[:PAGE_SIZE]]
    more = found[-1].pack() if len(rows) > PAGE_SIZE else ""
    return Timeline(_entries(found, person), more)


def _entries(keys: Sequence[EntryKey], person: Subscriber) -> list[TimelineEntry]:
    """Read the rows behind the keys, in their order. Rows deleted meanwhile are left out."""
    ids: dict[int, list[int]] = {}
    for key in keys:
        ids.setdefault(key.source, []).append(key.id)
    found = {
        (source, number): entry
        for source, numbers in ids.items()
        for number, entry in _READ[_ORDER[source]](numbers, person).items()
    }
    return [entry for key in keys if (entry := found.get((key.source, key.id))) is not None]


# --- Keys -----------------------------------------------------------------------------------------

Keys = sa.Select[Any]


def _key(source: Source, at: Any, number: Any) -> Keys:
    rank = sa.literal_column(str(_ORDER.index(source)), sa.Integer)
    return sa.select(at.label("at"), rank.label("source"), number.label("id"))


def _added_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    return _key("added", Subscriber.created_at, Subscriber.id).where(Subscriber.id == person.id)


def _tag_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    keys = _key("tag", SubscriberTag.tagged_at, SubscriberTag.tag_id)
    return keys.where(SubscriberTag.subscriber_id == person.id)


def _bulk_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    """Select the bulk actions that leave no other trace: other actions have entries themselves."""
    leaves_no_other = sa.or_(
        BulkRun.action.in_(("untag", "set_field")),
        sa.and_(BulkRun.action == "tag", BulkRun.undoes_id.is_not(None)),
    )
    return (
        _key("bulk", BulkRun.created_at, BulkRun.id)
        .join(BulkChange, BulkChange.run_id == BulkRun.id)
        .where(BulkChange.subscriber_id == person.id, leaves_no_other)
    )


def _consent_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    keys = _key("consent", ConsentEvent.at, ConsentEvent.id)
    return keys.where(ConsentEvent.subscriber_id == person.id)


def _suppression_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    keys = _key("suppression", Suppression.created_at, Suppression.id)
    return keys.where(Suppression.address_normal == person.address_normal)


def _lift_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    keys = _key("lift", LiftedSuppression.lifted_at, LiftedSuppression.id)
    return keys.where(LiftedSuppression.address_normal == person.address_normal)


def _email_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    at = sa.func.coalesce(TransactionalEmail.sent_at, TransactionalEmail.created_at)
    return _key("email", at, TransactionalEmail.id).where(
        # Other kinds are about a user of Campaigns who happens to have this address.
        TransactionalEmail.kind.in_(("confirm", "welcome")),
        queue.is_to([(person.address, person.address_normal)]),
    )


def _delivery_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    at = sa.func.coalesce(Delivery.sent_at, Delivery.updated_at)
    return _key("delivery", at, Delivery.id).where(Delivery.subscriber_id == person.id)


def _event_keys(person: Subscriber, kinds: Collection[str]) -> Keys:
    return (
        _key("event", Event.at, Event.id)
        .join(Delivery, Delivery.id == Event.delivery_id)
        .where(Delivery.subscriber_id == person.id, Event.kind.in_(kinds))
    )


_KEYS: Mapping[Source, Callable[[Subscriber, Collection[str]], Keys]] = {
    "added": _added_keys,
    "tag": _tag_keys,
    "bulk": _bulk_keys,
    "consent": _consent_keys,
    "suppression": _suppression_keys,
    "email": _email_keys,
    "delivery": _delivery_keys,
    "event": _event_keys,
    "lift": _lift_keys,
}


# --- Entries --------------------------------------------------------------------------------------

Entries = dict[int, TimelineEntry]


def _read_added(ids: Sequence[int], person: Subscriber) -> Entries:
    return {person.id: TimelineEntry("added", "added", person.created_at)}


def _read_tags(ids: Sequence[int], person: Subscriber) -> Entries:
    rows = db.session.execute(
        sa.select(Tag.id, Tag.name, SubscriberTag.tagged_at)
        .join(SubscriberTag, SubscriberTag.tag_id == Tag.id)
        .where(Tag.id.in_(ids), SubscriberTag.subscriber_id == person.id)
    )
    return {row.id: TimelineEntry("tag", "tagged", row.tagged_at, tag=row.name) for row in rows}


def _read_bulk(ids: Sequence[int], person: Subscriber) -> Entries:
    runs = db.session.scalars(sa.select(BulkRun).where(BulkRun.id.in_(ids)))
    return {
        run.id: TimelineEntry("bulk", run.action, run.created_at, reply=run.source, run=run)
        for run in runs
    }


def _read_consent(ids: Sequence[int], person: Subscriber) -> Entries:
    rows = db.session.execute(
        sa.select(
            ConsentEvent,
            AudienceList.name.label("list_name"),
            Campaign.public_id.label("campaign_public_id"),
            Campaign.name,
            Campaign.subject,
            ImportRun.public_id.label("import_public_id"),
            ImportRun.file_name,
        )
        .outerjoin(AudienceList, AudienceList.id == ConsentEvent.list_id)
        .outerjoin(Campaign, Campaign.id == ConsentEvent.campaign_id)
        .outerjoin(ImportRun, ImportRun.id == ConsentEvent.import_id)
        .where(ConsentEvent.id.in_(ids))
    )
    return {
        row.ConsentEvent.id: TimelineEntry(
            "consent",
            row.ConsentEvent.kind,
            row.ConsentEvent.at,
            campaign_public_id=row.campaign_public_id or "",
            campaign=title_of(row.name or "", row.subject or ""),
            reply=row.ConsentEvent.wording,
            list_name=row.list_name or "",
            channel=row.ConsentEvent.channel,
            ip=row.ConsentEvent.ip,
            user_agent=row.ConsentEvent.user_agent,
            file_name=row.file_name or "",
            import_public_id=row.import_public_id or "",
        )
        for row in rows
    }


def _read_suppressions(ids: Sequence[int], person: Subscriber) -> Entries:
    rows = db.session.scalars(sa.select(Suppression).where(Suppression.id.in_(ids)))
    return {
        row.id: TimelineEntry(
            "suppression", row.reason, row.created_at, reason=row.source, reply=row.note
        )
        for row in rows
    }


def _read_lifts(ids: Sequence[int], person: Subscriber) -> Entries:
    rows = db.session.scalars(sa.select(LiftedSuppression).where(LiftedSuppression.id.in_(ids)))
    return {
        row.id: TimelineEntry(
            "lift", row.reason, row.lifted_at, reason=row.lifted_by, reply=row.note
        )
        for row in rows
    }


def _read_emails(ids: Sequence[int], person: Subscriber) -> Entries:
    rows = db.session.scalars(sa.select(TransactionalEmail).where(TransactionalEmail.id.in_(ids)))
    return {
        row.id: TimelineEntry("email", row.kind, row.sent_at or row.created_at, channel=row.status)
        for row in rows
    }


def _read_deliveries(ids: Sequence[int], person: Subscriber) -> Entries:
    rows = db.session.execute(
        sa.select(
            Delivery.id,
            Delivery.status,
            Delivery.reason,
            Delivery.reply_ref,
            sa.func.coalesce(Delivery.sent_at, Delivery.updated_at).label("at"),
            Campaign.public_id,
            Campaign.name,
            Campaign.subject,
            sa.func.coalesce(Reply.text, "").label("reply"),
        )
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .outerjoin(Reply, Reply.id == Delivery.reply_id)
        .where(Delivery.id.in_(ids))
    )
    return {
        row.id: TimelineEntry(
            "delivery",
            row.status,
            row.at,
            campaign_public_id=row.public_id,
            campaign=title_of(row.name, row.subject),
            reason=row.reason,
            reply="" if row.status == "sent" else row.reply.replace("{ref}", row.reply_ref),
        )
        for row in rows
    }


def _read_events(ids: Sequence[int], person: Subscriber) -> Entries:
    rows = db.session.execute(
        sa.select(
            Event.id,
            Event.kind,
            Event.at,
            Event.reply_class,
            Event.detail,
            sa.func.coalesce(Incoming.public_id, "").label("incoming"),
            Campaign.public_id,
            Campaign.name,
            Campaign.subject,
            sa.func.coalesce(CampaignLink.target, "").label("link"),
        )
        .join(Campaign, Campaign.id == Event.campaign_id)
        .outerjoin(Incoming, Incoming.id == Event.incoming_id)
        .outerjoin(
            CampaignLink,
            sa.and_(
                CampaignLink.campaign_id == Event.campaign_id,
                CampaignLink.number == Event.link_number,
            ),
        )
        .where(Event.id.in_(ids))
    )
    return {
        row.id: TimelineEntry(
            "event",
            row.kind,
            row.at,
            campaign_public_id=row.public_id,
            campaign=title_of(row.name, row.subject),
            reason=row.reply_class,
            reply=row.detail,
            link=row.link,
            incoming=row.incoming,
        )
        for row in rows
    }


_READ: Mapping[Source, Callable[[Sequence[int], Subscriber], Entries]] = {
    "added": _read_added,
    "tag": _read_tags,
    "bulk": _read_bulk,
    "consent": _read_consent,
    "suppression": _read_suppressions,
    "email": _read_emails,
    "delivery": _read_deliveries,
    "event": _read_events,
    "lift": _read_lifts,
}
