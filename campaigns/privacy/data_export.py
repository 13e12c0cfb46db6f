"""Everything stored about one person, as JSON, for the person who asks for it.

Streamed in pieces of a thousand rows, so that a long history takes no more memory than a short one.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.bulk.models import BulkChange, BulkRun
from campaigns.audience.fields.models import Field
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    ImportRun,
    LiftedSuppression,
    MailDomain,
    Subscriber,
    SubscriberTag,
    Subscription,
    Suppression,
    Tag,
)
from campaigns.campaign.models import Campaign, CampaignLink, Delivery, Reply
from campaigns.db import db
from campaigns.events import scores
from campaigns.events.models import Event
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail

FORMAT = "campaigns-subscriber-1"
CHUNK = 1_000

Rows = sa.Select[*tuple[Any, ...]]


def export_person(person: Subscriber, *, now: datetime) -> Iterator[str]:
    """Yield one JSON document in pieces of text.

    Internal ids are left out: nobody outside can do anything with them. Campaigns and lists are
    named, and have their public ids.
    """
    yield "{" + _pair("format", FORMAT) + "," + _pair("exported_at", now)
    yield "," + _pair("profile", _profile(person))
    yield "," + _pair("fields", _fields(person))
    yield "," + _pair("engagement", _engagement(person))
    for name, statement, key in (
        ("tags", _tags(person), Tag.id),
        ("lists", _lists(person), AudienceList.id),
        ("consent", _consent(person), ConsentEvent.id),
        ("suppressions", _suppressions(person), Suppression.id),
        ("removed_suppressions", _removed_suppressions(person), LiftedSuppression.id),
        ("bulk_changes", _bulk_changes(person), BulkRun.id),
        ("deliveries", _deliveries(person), Delivery.id),
        ("events", _events(person), Event.id),
        ("single_emails", _single_emails(person), TransactionalEmail.id),
    ):
        yield f",{_text(name)}:["
        yield from _pieces(statement, key)
        yield "]"
    yield "}\n"


def _pair(name: str, value: object) -> str:
    return f"{_text(name)}:{_text(value)}"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_moment)


def _moment(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")
    return value.isoformat()


def _pieces(statement: Rows, key: Any) -> Iterator[str]:
    """Yield the rows of a statement as JSON objects, page by page in the order of the key."""
    after, separator = 0, ""
    while True:
        page = statement.add_columns(key.label("key")).where(key > after).order_by(key)
        rows = db.session.execute(page.limit(CHUNK)).mappings().all()
        if rows:
            after = rows[-1]["key"]
            objects = [{name: row[name] for name in row if name != "key"} for row in rows]
            yield separator + ",".join(map(_text, objects))
            separator = ","
        if len(rows) < CHUNK:
            return


def _profile(person: Subscriber) -> dict[str, Any]:
    group = db.session.scalar(
        sa.select(MailDomain.mailbox_group).where(MailDomain.domain == person.domain)
    )
    return {
        "id": person.public_id,
        "address": person.address,
        "name": person.name,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "mailbox_provider": group or "other",
        "added_at": person.created_at,
        "changed_at": person.updated_at,
    }


def _fields(person: Subscriber) -> list[dict[str, Any]]:
    """Return every value, with the label of its field if there is one."""
    labels = {row.key: row.label for row in db.session.execute(sa.select(Field.key, Field.label))}
    return [
        {"key": key, "label": labels.get(key, key), "value": value}
        for key, value in sorted(person.attributes.items())
    ]


def _engagement(person: Subscriber) -> dict[str, Any]:
    found = scores.of_person(person.id)
    return {"band": found.band, "score": found.score, "computed_at": found.computed_at}


def _tags(person: Subscriber) -> Rows:
    return (
        sa.select(Tag.name.label("tag"), SubscriberTag.tagged_at)
        .join(SubscriberTag, SubscriberTag.tag_id == Tag.id)
        .where(SubscriberTag.subscriber_id == person.id)
    )


def _lists(person: Subscriber) -> Rows:
    return (
        sa.select(
            AudienceList.name.label("list"),
            AudienceList.public_id.label("list_id"),
            Subscription.state,
            Subscription.state_at.label("since"),
            Subscription.source,
            Subscription.confirm_sent_at.label("confirmation_sent_at"),
        )
        .join(Subscription, Subscription.list_id == AudienceList.id)
        .where(Subscription.subscriber_id == person.id)
    )


def _consent(person: Subscriber) -> Rows:
    return (
        sa.select(
            ConsentEvent.kind,
            ConsentEvent.channel,
            ConsentEvent.at,
            ConsentEvent.wording,
            ConsentEvent.ip,
            ConsentEvent.user_agent,
            AudienceList.name.label("list"),
            Campaign.public_id.label("campaign_id"),
            ImportRun.file_name.label("imported_from"),
        )
        .outerjoin(AudienceList, AudienceList.id == ConsentEvent.list_id)
        .outerjoin(Campaign, Campaign.id == ConsentEvent.campaign_id)
        .outerjoin(ImportRun, ImportRun.id == ConsentEvent.import_id)
        .where(ConsentEvent.subscriber_id == person.id)
    )


def _suppressions(person: Subscriber) -> Rows:
    return sa.select(
        Suppression.reason, Suppression.source, Suppression.note, Suppression.created_at.label("at")
    ).where(Suppression.address_normal == person.address_normal)


def _removed_suppressions(person: Subscriber) -> Rows:
    """Select those that a user removed, without who that was: it is about someone else."""
    return sa.select(
        LiftedSuppression.reason,
        LiftedSuppression.source,
        LiftedSuppression.note,
        LiftedSuppression.suppressed_at.label("at"),
        LiftedSuppression.lifted_at.label("removed_at"),
    ).where(LiftedSuppression.address_normal == person.address_normal)


def _bulk_changes(person: Subscriber) -> Rows:
    return (
        sa.select(BulkRun.action, BulkRun.created_at.label("at"), BulkChange.before)
        .join(BulkChange, BulkChange.run_id == BulkRun.id)
        .where(BulkChange.subscriber_id == person.id)
    )


def _deliveries(person: Subscriber) -> Rows:
    return (
        sa.select(
            Campaign.public_id.label("campaign_id"),
            Campaign.subject,
            Delivery.address,
            Delivery.status,
            Delivery.reason,
            Reply.text.label("reply"),
            Delivery.reply_ref,
            Delivery.attempts,
            Delivery.mailbox_group.label("mailbox_provider"),
            Delivery.updated_at,
            Delivery.sent_at,
            Delivery.delivered_at,
            Delivery.bounced_at,
            Delivery.complained_at,
            Delivery.first_opened_at,
            Delivery.first_clicked_at,
            Delivery.unsubscribed_at,
        )
        .outerjoin(Campaign, Campaign.id == Delivery.campaign_id)
        .outerjoin(Reply, Reply.id == Delivery.reply_id)
        .where(Delivery.subscriber_id == person.id)
    )


def _events(person: Subscriber) -> Rows:
    return (
        sa.select(
            Campaign.public_id.label("campaign_id"),
            Event.kind,
            Event.at,
            CampaignLink.target.label("link"),
            Event.user_agent,
        )
        .join(Delivery, Delivery.id == Event.delivery_id)
        .join(Campaign, Campaign.id == Event.campaign_id)
        .outerjoin(
            CampaignLink,
            sa.and_(
                CampaignLink.campaign_id == Event.campaign_id,
                CampaignLink.number == Event.link_number,
            ),
        )
        .where(Delivery.subscriber_id == person.id)
    )


def _single_emails(person: Subscriber) -> Rows:
    """Select confirmations and other emails to this address alone, without their content."""
    return sa.select(
        TransactionalEmail.kind,
        TransactionalEmail.address,
        TransactionalEmail.status,
        TransactionalEmail.created_at,
        TransactionalEmail.sent_at,
    ).where(queue.is_to([(person.address, person.address_normal)]))
