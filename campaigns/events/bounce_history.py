"""The bounces of people since the last email they received: the input for `policy.is_repeated`."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.addresses import normalise
from campaigns.audience.models import LiftedSuppression, Subscriber
from campaigns.campaign.models import Delivery
from campaigns.db import db
from campaigns.events.models import Event
from campaigns.events.policy import Failure, FeedbackRules, is_repeated, repeats
from campaigns.providers.classify import ReplyClass

REFUSED: Mapping[str, ReplyClass] = {
    "no_mailbox": "hard",
    "disabled": "disabled",
    "mailbox_full": "mailbox_full",
}
"""Reasons of failed deliveries that are about the mailbox, as the class of a reply."""
SETTLED_AFTER = timedelta(days=3)
"""Time after which an accepted email counts as delivered if no bounce came.

Many servers try for days before they report a bounce.
"""
CHUNK = 1_000


def repeated(
    subscriber_ids: Collection[int],
    rules: FeedbackRules,
    *,
    now: datetime,
    settled: timedelta = timedelta(0),
) -> set[int]:
    """Return those of these subscribers whose emails bounced often enough to give up.

    `settled`: age from which an accepted email counts as delivered without a report.
    """
    ids = sorted(subscriber_ids)
    found: dict[int, dict[int, Failure]] = defaultdict(dict)
    for start in range(0, len(ids), CHUNK):
        for row in db.session.execute(_failures(ids[start : start + CHUNK], rules, now - settled)):
            if normalise(row.address) != row.address_normal:
                continue  # the person has another address since
            of_person = found[row.subscriber_id]
            earlier = of_person.get(row.id)
            classes = frozenset({row.reply_class}) | (earlier.classes if earlier else frozenset())
            of_person[row.id] = Failure(classes, row.at)
    return {
        subscriber_id
        for subscriber_id, failures in found.items()
        if is_repeated(failures.values(), rules, now=now)
    }


def _failures(
    ids: Collection[int], rules: FeedbackRules, settled_until: datetime
) -> sa.Select[tuple[int, int, str, datetime, str, str]]:
    """Return the failures of these people since their last success, or since it was reverted."""
    counted = sorted(set().union(*(rule.classes for rule in repeats(rules))))
    reasons = [reason for reason, reply_class in REFUSED.items() if reply_class in counted]
    refused = sa.select(
        Delivery.subscriber_id,
        Delivery.id,
        Delivery.reason.label("reply_class"),
        Delivery.updated_at.label("at"),
        Delivery.address,
    ).where(
        Delivery.subscriber_id.in_(ids), Delivery.status == "failed", Delivery.reason.in_(reasons)
    )
    bounced = (
        sa.select(
            Delivery.subscriber_id,
            Delivery.id,
            Event.reply_class,
            sa.func.coalesce(Delivery.sent_at, Event.at).label("at"),
            Delivery.address,
        )
        .join(Event, Event.delivery_id == Delivery.id)
        .where(
            Delivery.subscriber_id.in_(ids),
            Delivery.bounced_at.is_not(None),
            Event.kind == "bounced",
            Event.incoming_id.is_not(None),
            Event.reply_class.in_(counted),
        )
    )
    failure = sa.union(refused, bounced).subquery("failure")
    columns = failure.c
    at = sa.type_coerce(columns.at, Delivery.updated_at.type)
    taken = sa.orm.aliased(Delivery)
    is_taken_since = sa.exists().where(
        taken.subscriber_id == columns.subscriber_id,
        taken.status == "sent",
        taken.bounced_at.is_(None),
        taken.sent_at > columns.at,
        sa.or_(
            taken.sent_at <= settled_until,
            taken.delivered_at.is_not(None),
            taken.first_opened_at.is_not(None),
        ),
    )
    is_lifted_since = sa.exists().where(
        LiftedSuppression.address_normal == Subscriber.address_normal,
        LiftedSuppression.lifted_at >= columns.at,
    )
    return (
        sa.select(
            columns.subscriber_id,
            columns.id,
            columns.reply_class,
            at.label("at"),
            columns.address,
            Subscriber.address_normal,
        )
        .join(Subscriber, Subscriber.id == columns.subscriber_id)
        .where(~is_taken_since, ~is_lifted_since)
    )
