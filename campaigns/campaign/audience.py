"""The audience of a campaign, as SELECTs: shown for a draft, frozen at the launch.

Both uses share the expressions, so what the marketer was shown is what is sent.

The campaign's lists are read first and appear in the statements as literal ids. If they are joined
instead, PostgreSQL cannot estimate how many people are on them: it expected thousands of a million
rows, and looked each one up.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from campaigns.audience.models import MailDomain, Subscriber, Subscription, Suppression
from campaigns.campaign.models import CampaignList
from campaigns.db import db

DEFAULT_GROUP = "other"
_SUBSCRIBED: sa.ColumnElement[str] = sa.literal_column("'subscribed'")


@dataclass(frozen=True, slots=True)
class _Lists:
    """Ids of the lists that a campaign includes and excludes."""

    included: tuple[int, ...]
    excluded: tuple[int, ...]


def _lists_of(campaign_id: int) -> _Lists:
    rows = db.session.execute(
        sa.select(CampaignList.list_id, CampaignList.is_excluded)
        .where(CampaignList.campaign_id == campaign_id)
        .order_by(CampaignList.list_id)
    ).all()
    return _Lists(
        included=tuple(row.list_id for row in rows if not row.is_excluded),
        excluded=tuple(row.list_id for row in rows if row.is_excluded),
    )


def _is_subscribed(
    subscription: type[Subscription], list_ids: Collection[int]
) -> sa.ColumnElement[bool]:
    """Return the condition "on one of these lists".

    The ids are literals: a prepared statement with bound ids would be planned for any list.
    """
    ids: sa.BindParameter[int] = sa.bindparam(
        "list_ids", list(list_ids), unique=True, expanding=True, literal_execute=True
    )
    return sa.and_(subscription.list_id.in_(ids), subscription.state == _SUBSCRIBED)


def _is_on_one_of(
    list_ids: Collection[int], subscriber_id: sa.SQLColumnExpression[int]
) -> sa.ColumnElement[bool]:
    """Return the condition "the subscriber is subscribed to one of these lists".

    EXISTS, not IN: PostgreSQL makes a hash (anti-)join of it at any size, and SQLite one primary
    key lookup per row.
    """
    subscription = aliased(Subscription)
    return (
        sa.select(sa.literal(1))
        .where(
            _is_subscribed(subscription, list_ids),
            subscription.subscriber_id == subscriber_id,
        )
        .exists()
    )


def _is_left_in(
    lists: _Lists, subscriber_id: sa.SQLColumnExpression[int]
) -> sa.ColumnElement[bool]:
    """Return the condition "on no excluded list", if there are excluded lists."""
    return ~_is_on_one_of(lists.excluded, subscriber_id) if lists.excluded else sa.true()


def audience(campaign_id: int) -> sa.Select[Any]:
    """Select one row per person on the included lists who is on no excluded list.

    Columns: subscriber_id, list_id (the lowest included list that reaches them), address,
    mailbox_group, is_suppressed.
    """
    lists = _lists_of(campaign_id)
    reached = _reached(lists).subquery()
    return (
        sa.select(
            reached.c.subscriber_id,
            reached.c.list_id,
            Subscriber.address,
            sa.func.coalesce(MailDomain.mailbox_group, DEFAULT_GROUP).label("mailbox_group"),
            Suppression.id.is_not(None).label("is_suppressed"),
        )
        .select_from(reached)
        .join(Subscriber, Subscriber.id == reached.c.subscriber_id)
        .outerjoin(MailDomain, MailDomain.domain == Subscriber.domain)
        .outerjoin(Suppression, Suppression.address_normal == Subscriber.address_normal)
        .where(_is_left_in(lists, reached.c.subscriber_id))
    )


def _reached(lists: _Lists) -> sa.Select[int, int]:
    """Select (subscriber_id, list_id) of everyone on the included lists, each person once."""
    person, place = Subscription.subscriber_id, Subscription.list_id
    everybody = sa.select(person, place).where(_is_subscribed(Subscription, lists.included))
    if len(lists.included) <= 1:  # nobody is on one list twice
        return everybody
    return everybody.with_only_columns(person, sa.func.min(place).label("list_id")).group_by(person)


def arithmetic(campaign_id: int) -> sa.Select[int, int, int, int]:
    """Select one row: matched, distinct, excluded, suppressed. One statement, one snapshot."""
    lists = _lists_of(campaign_id)
    pairs = (
        sa.select(sa.func.count().label("matched"))
        .where(_is_subscribed(Subscription, lists.included))
        .subquery()
    )
    distinct = sa.select(sa.func.count()).select_from(_reached(lists).subquery()).scalar_subquery()
    return sa.select(
        pairs.c.matched,
        # Count only what can differ.
        distinct if len(lists.included) > 1 else pairs.c.matched,
        _count_excluded(lists),
        _count_suppressed(lists),
    )


def _count_excluded(lists: _Lists) -> sa.ColumnElement[int]:
    """Count people who are on an included list and on an excluded one."""
    if not lists.excluded:
        return sa.literal(0)
    subscription = aliased(Subscription)
    left_out = (
        sa.select(subscription.subscriber_id)
        .where(
            _is_subscribed(subscription, lists.excluded),
            _is_on_one_of(lists.included, subscription.subscriber_id),
        )
        .distinct()
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(left_out).scalar_subquery()


def _count_suppressed(lists: _Lists) -> sa.ScalarSelect[int]:
    """Count the suppressed among the rest. Starts from the (few) suppressions.

    Appending '' to their address keeps SQLite from scanning all subscribers instead.
    """
    return (
        sa.select(sa.func.count())
        .select_from(Suppression)
        .join(Subscriber, Subscriber.address_normal == Suppression.address_normal.concat(""))
        .where(_is_on_one_of(lists.included, Subscriber.id), _is_left_in(lists, Subscriber.id))
        .scalar_subquery()
    )


SAMPLE_PAIRS_PER_PERSON = 8
"""Subscriptions read per person wanted, as a person may be on several of the lists."""


def sample(campaign_id: int, *, limit: int) -> sa.Select[Subscriber]:
    """Return a few people of the audience for the preview, without reading all of it."""
    lists = _lists_of(campaign_id)
    some = (
        sa.select(Subscription.subscriber_id)
        .where(
            _is_subscribed(Subscription, lists.included),
            _is_left_in(lists, Subscription.subscriber_id),
        )
        .limit(limit * SAMPLE_PAIRS_PER_PERSON)
        .subquery()
    )
    return (
        sa.select(Subscriber)
        .where(Subscriber.id.in_(sa.select(some.c.subscriber_id)))
        .order_by(Subscriber.id)
        .limit(limit)
    )
