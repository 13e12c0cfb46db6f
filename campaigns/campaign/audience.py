"""The audience of a campaign, as SELECTs: shown for a draft, frozen when sending starts.

Both uses share the expressions, so what the marketer was shown is what is sent.

Lists permit, segments narrow. A recipient is subscribed to an included list and, if the campaign
has included segments, in at least one of them. Excluded lists and segments leave people out.
Segments are evaluated when the audience is frozen, not again for each email.

The campaign's lists are read first and appear in the statements as literal ids. If they are joined
instead, PostgreSQL cannot estimate how many people are on them: it expected thousands of rows
instead of a million, and looked each one up.
"""

import operator
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from campaigns.audience.models import MailDomain, Subscriber, Subscription, Suppression
from campaigns.audience.segments import compile as compiler
from campaigns.audience.segments import members, references, tree
from campaigns.audience.segments.leaves import Condition, Context
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import RulesError
from campaigns.campaign.models import CampaignList, CampaignSegment
from campaigns.db import db, is_postgresql
from campaigns.reason import ReasonError

DEFAULT_GROUP = "other"
_SUBSCRIBED: sa.ColumnElement[str] = sa.literal_column("'subscribed'")


class AudienceError(ReasonError):
    """A segment of the campaign cannot be used, so its audience is unknown.

    `is_temporary`: it can be used again soon, without any change to it.
    """

    is_temporary = False


@dataclass(frozen=True, slots=True)
class Scope:
    """The audience of a campaign at one time: ids of its lists, conditions of its segments."""

    included: tuple[int, ...] = ()
    excluded: tuple[int, ...] = ()
    segments: tuple[Condition, ...] = ()
    excluded_segments: tuple[Condition, ...] = ()


def scope_of(campaign_id: int, *, now: datetime, reads_everyone: bool = True) -> Scope:
    """Read the lists and segments of a campaign. Raises AudienceError for a broken segment.

    `reads_everyone`: False if its conditions are evaluated for a few thousand people only.
    """
    lists = db.session.execute(
        sa.select(CampaignList.list_id, CampaignList.is_excluded)
        .where(CampaignList.campaign_id == campaign_id)
        .order_by(CampaignList.list_id)
    ).all()
    segments = _conditions_of(campaign_id, now, reads_everyone=reads_everyone)
    return Scope(
        included=tuple(row.list_id for row in lists if not row.is_excluded),
        excluded=tuple(row.list_id for row in lists if row.is_excluded),
        segments=tuple(condition for is_excluded, condition in segments if not is_excluded),
        excluded_segments=tuple(condition for is_excluded, condition in segments if is_excluded),
    )


def must_wait(campaign_id: int, *, now: datetime) -> bool:
    """Return whether a segment of a campaign cannot be used now, but can soon."""
    try:
        scope_of(campaign_id, now=now)
    except AudienceError as error:
        return error.is_temporary
    return False


def _conditions_of(
    campaign_id: int, now: datetime, *, reads_everyone: bool
) -> list[tuple[bool, Condition]]:
    """Return (is_excluded, condition) of each segment. A broken one never counts as everyone."""
    rows = db.session.execute(
        sa.select(CampaignSegment.segment_id, CampaignSegment.is_excluded, Segment.name)
        .outerjoin(Segment, Segment.id == CampaignSegment.segment_id)
        .where(CampaignSegment.campaign_id == campaign_id)
        .order_by(CampaignSegment.segment_id)
    ).all()
    if not rows:
        return []
    context = replace(members.context_at(now), reads_everyone=reads_everyone)
    return [(row.is_excluded, condition_of(row.segment_id, row.name, context)) for row in rows]


def condition_of(segment_id: int, name: str | None, context: Context) -> Condition:
    """Return the condition that `Subscriber` is in a segment; `name` is None if it was deleted.

    Raises AudienceError.
    """
    if name is None:
        raise AudienceError("preflight.segment_deleted")
    try:
        root = tree.parse(context.segments[segment_id])
        references.check(root, context)
        return compiler.condition(root, context)
    except LookupError:
        raise AudienceError("preflight.segment_deleted") from None
    except RulesError as error:
        unusable = AudienceError("preflight.segment_unusable", segment=name, why=error.reason)
        unusable.is_temporary = error.reason.code == references.BEING_CHANGED
        raise unusable from None


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


def _is_left_in(scope: Scope, subscriber_id: sa.SQLColumnExpression[int]) -> Condition:
    """Return the condition "excluded by no list and no segment"."""
    lists = [~_is_on_one_of(scope.excluded, subscriber_id)] if scope.excluded else []
    segments = [~_is_in(condition, subscriber_id) for condition in scope.excluded_segments]
    return sa.and_(sa.true(), *lists, *segments)


def _is_in(condition: Condition, subscriber_id: sa.SQLColumnExpression[int]) -> Condition:
    """Return the condition "the subscriber is in this segment", to be negated.

    EXISTS over the segment's people: the segment's own subqueries become joins that way, while
    PostgreSQL would run each of a negated condition once per person.
    """
    people = people_in(condition).subquery()
    return sa.select(sa.literal(1)).where(people.c.subscriber_id == subscriber_id).exists()


def people_in(condition: Condition) -> sa.Select[int]:
    """Select the subscriber_id of everyone who meets a condition."""
    return sa.select(Subscriber.id.label("subscriber_id")).where(condition).correlate(None)


def _is_in_segments(scope: Scope) -> Condition:
    """Return the condition "in one of the included segments, if there are any", of `Subscriber`."""
    match scope.segments:
        case ():
            return sa.true()
        case (condition,):
            return condition
        case several:
            # PostgreSQL joins distinct ids much faster; SQLite's IN makes them distinct anyway.
            union = sa.union if is_postgresql() else sa.union_all
            people = union(*map(people_in, several)).subquery()
            return Subscriber.id.in_(sa.select(people.c.subscriber_id))


def audience(scope: Scope) -> sa.Select[Any]:
    """Select one row per person of the audience.

    Columns: subscriber_id, list_id (the lowest included list that reaches them), address,
    mailbox_group, is_suppressed.
    """
    reached = _reached(scope).subquery()
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
        .where(_is_in_segments(scope), _is_left_in(scope, reached.c.subscriber_id))
    )


def _reached(scope: Scope) -> sa.Select[int, int]:
    """Select (subscriber_id, list_id) of everyone on the included lists, each person once."""
    person, place = Subscription.subscriber_id, Subscription.list_id
    everyone = sa.select(person, place).where(_is_subscribed(Subscription, scope.included))
    if len(scope.included) <= 1:  # nobody is on one list twice
        return everyone
    return everyone.with_only_columns(person, sa.func.min(place).label("list_id")).group_by(person)


def arithmetic(scope: Scope) -> sa.Select[int, int, int, int, int]:
    """Select one row: matched, distinct, reached, excluded, suppressed.

    `matched` counts subscriptions, or with included segments their people, so a person may count
    several times; `distinct` counts these people once, and `reached` those of them who are
    subscribed to an included list. One statement, one snapshot.
    """
    matched = _count_matched(scope).subquery()
    # Count only what can differ.
    distinct = _count_distinct(scope).subquery() if _may_repeat(scope) else matched
    reached = distinct
    if scope.segments:
        reached = sa.select(_count(_reached_in_segments(scope)).label("people")).subquery()
    counts: sa.FromClause = matched
    for more in dict.fromkeys((distinct, reached)):
        counts = counts if more is matched else counts.join(more, sa.true())
    if scope.excluded_segments or (scope.segments and scope.excluded):
        excluded = reached.c.people - _count(_reached_in_segments(scope, left_in=True))
    else:
        excluded = _count_excluded(scope)
    return sa.select(
        matched.c.people, distinct.c.people, reached.c.people, excluded, _count_suppressed(scope)
    ).select_from(counts)


def left_out(scope: Scope, rows: int) -> sa.Select[int, int, int]:
    """Select one row: duplicates, not subscribed, excluded, of an audience of `rows` people.

    Quicker than `arithmetic`, as it need not find the people of a segmented audience again.
    """
    matched = _count_matched(scope).subquery()
    distinct = _count_distinct(scope).subquery() if _may_repeat(scope) else matched
    counts = matched if distinct is matched else matched.join(distinct, sa.true())
    people: sa.ColumnElement[int] = distinct.c.people
    if not scope.segments:
        reached = people
    elif scope.excluded or scope.excluded_segments:
        reached = _count(_reached_in_segments(scope))
    else:
        reached = sa.literal(rows)
    is_of_lists = not scope.segments and not scope.excluded_segments
    excluded = _count_excluded(scope) if is_of_lists else reached - rows
    return sa.select(matched.c.people - people, people - reached, excluded).select_from(counts)


def _count(people: sa.Select[Any]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(people.subquery()).scalar_subquery()


def _may_repeat(scope: Scope) -> bool:
    """Return whether a person may match several times."""
    return len(scope.segments or scope.included) > 1


def _count_matched(scope: Scope) -> sa.Select[int]:
    if not scope.segments:
        on_lists = _is_subscribed(Subscription, scope.included)
        return sa.select(sa.func.count().label("people")).where(on_lists)
    counts = [_count(people_in(condition)) for condition in scope.segments]
    return sa.select(reduce(operator.add, counts).label("people"))


def _count_distinct(scope: Scope) -> sa.Select[int]:
    people: sa.SelectBase = _reached(scope)
    if scope.segments:
        people = sa.union(*map(people_in, scope.segments))
    return sa.select(sa.func.count().label("people")).select_from(people.subquery())


def _reached_in_segments(scope: Scope, *, left_in: bool = False) -> sa.Select[int]:
    """Select the subscriber_id of everyone whom a list permits and the segments include."""
    reached = _reached(scope).subquery()
    found = sa.select(reached.c.subscriber_id)
    if scope.segments:
        found = found.join(Subscriber, Subscriber.id == reached.c.subscriber_id)
        found = found.where(_is_in_segments(scope))
    return found.where(_is_left_in(scope, reached.c.subscriber_id)) if left_in else found


def _count_excluded(scope: Scope) -> sa.ColumnElement[int]:
    """Count people who are on an included list and on an excluded one."""
    if not scope.excluded:
        return sa.literal(0)
    subscription = aliased(Subscription)
    left_out = (
        sa.select(subscription.subscriber_id)
        .where(
            _is_subscribed(subscription, scope.excluded),
            _is_on_one_of(scope.included, subscription.subscriber_id),
        )
        .distinct()
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(left_out).scalar_subquery()


def _count_suppressed(scope: Scope) -> sa.ScalarSelect[int]:
    """Count the suppressed among the rest. Starts from the (few) suppressions.

    Appending '' to their address keeps SQLite from scanning all subscribers instead.
    """
    return (
        sa.select(sa.func.count())
        .select_from(Suppression)
        .join(Subscriber, Subscriber.address_normal == Suppression.address_normal.concat(""))
        .where(
            _is_on_one_of(scope.included, Subscriber.id),
            _is_in_segments(scope),
            _is_left_in(scope, Subscriber.id),
        )
        .scalar_subquery()
    )


SAMPLE_PAIRS_PER_PERSON = 8
"""Subscriptions read per person wanted, as a person may be on several of the lists."""


def sample(scope: Scope, *, limit: int) -> sa.Select[Subscriber]:
    """Return a few people of the audience for the preview, without reading all of it."""
    some = (
        sa.select(Subscription.subscriber_id)
        .where(
            _is_subscribed(Subscription, scope.included),
            _is_left_in(scope, Subscription.subscriber_id),
        )
        .limit(limit * SAMPLE_PAIRS_PER_PERSON)
    )
    if scope.segments:
        some = some.join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        some = some.where(_is_in_segments(scope))
    return (
        sa.select(Subscriber)
        .where(Subscriber.id.in_(sa.select(some.subquery().c.subscriber_id)))
        .order_by(Subscriber.id)
        .limit(limit)
    )


def slices(scope: Scope, starts: Collection[int], *, size: int) -> sa.Subquery | None:
    """Select the `subscriber_id` of up to `size` people of each list, from each start on.

    The time depends on the size of the slices, not on that of the lists. None without lists.
    `is_reached` says which of them are in the audience.
    """
    parts = [
        sa.select(_slice(list_id, start, size).c.subscriber_id)
        for list_id in scope.included
        for start in starts
    ]
    return sa.union(*parts).subquery() if parts else None


def is_reached(scope: Scope) -> Condition:
    """Return the condition that `Subscriber`, who is on an included list, is in the audience."""
    return sa.and_(_is_in_segments(scope), _is_left_in(scope, Subscriber.id))


def _slice(list_id: int, start: int, size: int) -> sa.Subquery:
    return (
        sa.select(Subscription.subscriber_id)
        .where(_is_subscribed(Subscription, [list_id]), Subscription.subscriber_id >= start)
        .order_by(Subscription.subscriber_id)
        .limit(size)
        .subquery()
    )
