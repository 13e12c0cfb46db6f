"""Freeze the audience: one delivery row per recipient."""

import operator
from collections.abc import Sequence
from datetime import datetime
from functools import reduce

import sqlalchemy as sa

from campaigns.accounts.workspace import workspace_zone
from campaigns.audience import erasure_lock
from campaigns.audience.models import Subscriber
from campaigns.audience.segments.leaves import Condition
from campaigns.campaign import audience, content_segments, local_time
from campaigns.campaign.audience import Scope
from campaigns.campaign.models import Campaign, CampaignLink, Delivery
from campaigns.db import db, insert_ignoring, is_postgresql, rows_changed
from campaigns.delivery import canary


def expand(
    campaign_id: int, *, links: tuple[str, ...], segments: tuple[str, ...] = (), now: datetime
) -> bool:
    """Write the delivery rows of a `preparing` campaign and start it, in one statement.

    Suppressed people become `skipped` rows with the reason; duplicate, not subscribed and excluded
    ones are counted on the campaign. Rows in time zones where it is too early get a `not_before`.
    `links` are the tracked targets of its content, `segments` the public ids of the segments that
    it names: who is in each is frozen too, as the bits of a number. Returns False if the campaign
    was not `preparing`. Raises AudienceError for a segment that cannot be used; nothing is written
    then.
    """
    campaign = db.session.get(Campaign, campaign_id, with_for_update=True)
    if campaign is None or campaign.status != "preparing":
        return False
    erasure_lock.prevent_erasures()  # no foreign key enforces this
    scope = audience.scope_of(campaign_id, now=now)
    named = content_segments.conditions(segments, now=now)
    campaign.audience = rows = _insert_deliveries(campaign, scope, named, now)
    campaign.segment_order = list(segments)
    _insert_links(campaign_id, links)
    # People may have joined or left between the rows and the count: the rows decide.
    others = [max(0, count) for count in db.session.execute(audience.left_out(scope, rows)).one()]
    campaign.duplicates, campaign.not_subscribed, campaign.excluded = others
    campaign.matched = rows + sum(others)
    if campaign.spread_seconds:
        campaign.pace_per_second = max(_count_queued(campaign_id), 1) / campaign.spread_seconds
    canary.begin(campaign)
    campaign.status = "sending"
    campaign.updated_at = now
    db.session.flush()
    return True


def _insert_deliveries(
    campaign: Campaign, scope: Scope, named: Sequence[Condition], now: datetime
) -> int:
    """Insert the rows of all recipients. Returns how many.

    A plain INSERT: the campaign's lock prevents a second expansion, and the audience has everyone
    once. ON CONFLICT would make PostgreSQL write each row in two steps.
    """
    person = audience.audience(scope).subquery()
    people, not_before = _arrivals(campaign, person, now)
    people, bits = _memberships(people, person, named)
    rows = sa.select(
        sa.literal(campaign.id),
        person.c.subscriber_id,
        person.c.list_id,
        person.c.address,
        person.c.mailbox_group,
        sa.case((person.c.is_suppressed, "skipped"), else_="queued"),
        sa.case((person.c.is_suppressed, "suppressed"), else_=""),
        sa.literal(0),
        not_before,
        sa.literal(""),
        sa.literal(now, Delivery.updated_at.type),
        *bits,
    ).select_from(people)
    if is_postgresql():
        # Sorted, each index is filled from left to right. In the order of a hash table the same
        # rows take twice as long. SQLite reads people in this order anyway.
        rows = rows.order_by(person.c.subscriber_id)
    columns = [
        "campaign_id", "subscriber_id", "list_id", "address", "mailbox_group", "status", "reason",
        "attempts", "not_before", "reply_ref", "updated_at",
    ]  # fmt: skip
    columns += ["segments" for _ in bits]
    statement = sa.insert(Delivery).from_select(columns, rows)
    options = {"preserve_rowcount": True}  # SQLAlchemy does not keep it for an INSERT otherwise
    return rows_changed(db.session.execute(statement, execution_options=options))


def _memberships(
    people: sa.FromClause, person: sa.Subquery, named: Sequence[Condition]
) -> tuple[sa.FromClause, list[sa.ColumnElement[int]]]:
    """Return the audience with the segments of each person as a number; no column without any.

    Each segment is joined as a set: as a condition of each row, PostgreSQL would run its
    subqueries once per person.
    """
    bits: list[sa.ColumnElement[int]] = []
    for position, condition in enumerate(named):
        members = audience.people_in(condition).subquery()
        people = people.outerjoin(members, members.c.subscriber_id == person.c.subscriber_id)
        is_in = members.c.subscriber_id.is_not(None)
        bits.append(sa.case((is_in, sa.literal(1 << position, sa.BigInteger)), else_=0))
    return people, [reduce(operator.add, bits)] if bits else []


def _count_queued(campaign_id: int) -> int:
    """Return the number of recipients: the audience without suppressed people."""
    found = sa.select(sa.func.count()).where(
        Delivery.campaign_id == campaign_id, Delivery.status == sa.literal_column("'queued'")
    )
    return db.session.scalar(found) or 0


def _arrivals(
    campaign: Campaign, person: sa.Subquery, now: datetime
) -> tuple[sa.FromClause, sa.ColumnElement[datetime | None]]:
    """Return the audience with each recipient's earliest time: NULL, or by time zone."""
    arrival = local_time.arrival_of(campaign, now=now)
    if arrival.is_for_all_alike:
        return person, sa.literal(None, Delivery.not_before.type)
    table = local_time.timetable(arrival, workspace_zone())
    given = table.given()
    people = person.join(Subscriber, Subscriber.id == person.c.subscriber_id).outerjoin(
        given, given.c.zone == local_time.zone_name()
    )
    return people, sa.case((~person.c.is_suppressed, table.moment(given)))


def _insert_links(campaign_id: int, links: tuple[str, ...]) -> None:
    if links:
        db.session.execute(
            insert_ignoring(CampaignLink),
            [
                {"campaign_id": campaign_id, "number": number, "target": target}
                for number, target in enumerate(links, start=1)
            ],
        )
