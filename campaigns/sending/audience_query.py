"""Who a campaign is for, as SELECTs: shown while it is written, frozen when it is launched.

Both uses read the same expressions, so what the marketer was shown is what is sent.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from campaigns.audience.models import MailDomain, Subscriber, Subscription, Suppression
from campaigns.sending.models import CampaignList

DEFAULT_GROUP = "other"


def matched_pairs(campaign_id: int) -> sa.Select[int, int]:
    """(subscriber_id, list_id) of every subscribed subscription on the included lists."""
    return (
        sa.select(Subscription.subscriber_id, Subscription.list_id)
        .join(CampaignList, CampaignList.list_id == Subscription.list_id)
        .where(
            CampaignList.campaign_id == campaign_id,
            ~CampaignList.is_excluded,
            Subscription.state == "subscribed",
        )
    )


def _is_on_a_list(
    campaign_id: int, subscriber_id: sa.SQLColumnExpression[int], *, excluded: bool
) -> sa.ColumnElement[bool]:
    """Whether the subscriber is subscribed to an included (or excluded) list.

    EXISTS and not IN: PostgreSQL makes a hash (anti-)join of it, whatever the size, and SQLite
    one look-up by the primary key for each row.
    """
    subscription, chosen = aliased(Subscription), aliased(CampaignList)
    which = chosen.is_excluded if excluded else ~chosen.is_excluded
    return (
        sa.select(sa.literal(1))
        .select_from(chosen)
        .join(subscription, subscription.list_id == chosen.list_id)
        .where(
            chosen.campaign_id == campaign_id,
            which,
            subscription.subscriber_id == subscriber_id,
            subscription.state == "subscribed",
        )
        .exists()
    )


def audience(campaign_id: int) -> sa.Select[Any]:
    """One row for everybody the campaign is for, without those on an excluded list.

    Columns: subscriber_id, list_id (the lowest included list that reaches them), address,
    mailbox_group, is_suppressed.
    """
    pairs = matched_pairs(campaign_id).subquery()
    reached = (
        sa.select(pairs.c.subscriber_id, sa.func.min(pairs.c.list_id).label("list_id"))
        .group_by(pairs.c.subscriber_id)
        .subquery()
    )
    return (
        sa.select(
            Subscriber.id.label("subscriber_id"),
            reached.c.list_id,
            Subscriber.address,
            sa.func.coalesce(MailDomain.mailbox_group, DEFAULT_GROUP).label("mailbox_group"),
            Suppression.id.is_not(None).label("is_suppressed"),
        )
        .select_from(reached)
        .join(Subscriber, Subscriber.id == reached.c.subscriber_id)
        .outerjoin(MailDomain, MailDomain.domain == Subscriber.domain)
        .outerjoin(Suppression, Suppression.address_normal == Subscriber.address_normal)
        .where(~_is_on_a_list(campaign_id, reached.c.subscriber_id, excluded=True))
    )


def arithmetic(campaign_id: int) -> sa.Select[int, int, int, int]:
    """One row: matched, distinct, excluded, suppressed. One statement, so one moment."""
    pairs = matched_pairs(campaign_id).subquery()
    people = sa.select(pairs.c.subscriber_id).distinct().subquery()
    matched = sa.select(sa.func.count()).select_from(pairs).scalar_subquery()
    distinct = sa.select(sa.func.count()).select_from(people).scalar_subquery()
    lists = (
        sa.select(sa.func.count())
        .where(CampaignList.campaign_id == campaign_id, ~CampaignList.is_excluded)
        .scalar_subquery()
    )
    return sa.select(
        matched,
        # Nobody is twice on one list: the costly part is left out where it cannot differ.
        sa.case((lists <= 1, matched), else_=distinct),
        _count_excluded(campaign_id),
        _count_suppressed(campaign_id),
    )


def _count_excluded(campaign_id: int) -> sa.ScalarSelect[int]:
    """How many the campaign reaches by an included list and leaves out by an excluded one."""
    subscription, chosen = aliased(Subscription), aliased(CampaignList)
    left_out = (
        sa.select(subscription.subscriber_id)
        .join(chosen, chosen.list_id == subscription.list_id)
        .where(
            chosen.campaign_id == campaign_id,
            chosen.is_excluded,
            subscription.state == "subscribed",
            _is_on_a_list(campaign_id, subscription.subscriber_id, excluded=False),
        )
        .distinct()
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(left_out).scalar_subquery()


def _count_suppressed(campaign_id: int) -> sa.ScalarSelect[int]:
    """How many of those who are left are suppressed. Begins at the (few) suppressions.

    The empty text added to their address keeps SQLite from going the other way, over all
    subscribers.
    """
    return (
        sa.select(sa.func.count())
        .select_from(Suppression)
        .join(Subscriber, Subscriber.address_normal == Suppression.address_normal.concat(""))
        .where(*in_audience(campaign_id))
        .scalar_subquery()
    )


SAMPLE_PAIRS_PER_PERSON = 8
"""A person may be on several of the lists; so many pairs are looked at for each one wanted."""


def sample(campaign_id: int, *, limit: int) -> sa.Select[Subscriber]:
    """A few of the audience, for the preview: found without walking the whole of it."""
    pairs = matched_pairs(campaign_id)
    some = (
        pairs.with_only_columns(Subscription.subscriber_id)
        .where(~_is_on_a_list(campaign_id, Subscription.subscriber_id, excluded=True))
        .limit(limit * SAMPLE_PAIRS_PER_PERSON)
        .subquery()
    )
    return (
        sa.select(Subscriber)
        .where(Subscriber.id.in_(sa.select(some.c.subscriber_id)))
        .order_by(Subscriber.id)
        .limit(limit)
    )


def in_audience(campaign_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Conditions on Subscriber: on an included list and on no excluded one."""
    return (
        _is_on_a_list(campaign_id, Subscriber.id, excluded=False),
        ~_is_on_a_list(campaign_id, Subscriber.id, excluded=True),
    )
