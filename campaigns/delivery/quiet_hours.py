"""Postpone email outside a campaign's sending hours, and tell when more is due."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.campaign.local_time import (
    HOURS,
    DayWindow,
    Timetable,
    Wave,
    zone_name,
    zones_by_name,
)
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, in_order, is_postgresql, rows_changed

MARGIN = timedelta(seconds=90)
"""Time before the end of a zone's hours from which its email is postponed, since claimed email
may leave a little later."""


def hold_back(
    campaign: Campaign,
    fallback: ZoneInfo,
    *among: sa.ColumnElement[bool],
    now: datetime,
    most: int | None = None,
) -> int:
    """Postpone deliveries due soon in zones whose hours have ended. Returns how many.

    A large or slow campaign may outlast a day's hours: the rest waits until they begin again.
    `among`: a condition on the deliveries. `most`: the largest number in one statement.
    """
    hours = DayWindow(campaign.hours_from, campaign.hours_until)
    if hours.is_whole_day:
        return 0
    waiting = _closed(hours, fallback, now)
    given = waiting.given()
    opens = waiting.moment(given).label("opens")
    chosen = (
        sa.select(Delivery.id, opens)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(given, given.c.zone == zone_name())
        .where(*_due_soon(campaign.id, now), *among, _is_before(opens))
        .limit(most)
    )
    held: sa.FromClause = chosen.subquery()
    still_due = _due_soon(campaign.id, now)
    if is_postgresql():  # SQLite needs no locks, and counts no rows after WITH
        held = chosen.cte("held")
        due = sa.select(Delivery.id).where(Delivery.id.in_(sa.select(held.c.id)), *still_due)
        still_due = (Delivery.id.in_(in_order(due)),)
    result = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id == held.c.id, *still_due)
        .values(not_before=sa.type_coerce(held.c.opens, Delivery.not_before.type))
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result)


def _is_before(opens: sa.ColumnElement[datetime | None]) -> sa.ColumnElement[bool]:
    """Return the condition "due before the hours begin again"; no wait is ever shortened."""
    is_early = sa.or_(Delivery.not_before.is_(None), Delivery.not_before < opens)
    return sa.and_(opens.is_not(None), is_early)


def _due_soon(campaign_id: int, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Delivery.campaign_id == campaign_id,
        Delivery.status == sa.literal_column("'queued'"),
        sa.or_(Delivery.not_before.is_(None), Delivery.not_before <= now + MARGIN),
    )


def _closed(hours: DayWindow, fallback: ZoneInfo, now: datetime) -> Timetable:
    """Return when the hours begin again, for zones where they are over, or nearly."""

    def opening(zone: ZoneInfo) -> datetime | None:
        for at in (now, now + MARGIN):
            if not hours.holds(at, zone):
                return hours.next_in(at, zone)
        return None

    return Timetable(
        {name: opening(zone) for name, zone in zones_by_name().items()}, opening(fallback)
    )


def with_hours() -> list[Campaign]:
    """Return sending and paused campaigns with sending hours."""
    return list(
        db.session.scalars(
            sa.select(Campaign).where(
                Campaign.status.in_(("sending", "paused")),
                sa.or_(Campaign.hours_from > 0, Campaign.hours_until < HOURS),
            )
        )
    )


def with_local_times() -> list[Campaign]:
    """Return sending campaigns that follow recipients' time zones or sending hours."""
    return list(
        db.session.scalars(
            sa.select(Campaign).where(
                Campaign.status == "sending",
                sa.or_(
                    Campaign.local_at != "", Campaign.hours_from > 0, Campaign.hours_until < HOURS
                ),
            )
        )
    )


def next_wave(campaign_id: int, *, now: datetime) -> Wave | None:
    """Return when the next are due and how many wait in all; None while any is due now."""
    waiting = (
        Delivery.campaign_id == campaign_id,
        Delivery.status == sa.literal_column("'queued'"),
    )
    is_due = sa.or_(Delivery.not_before.is_(None), Delivery.not_before <= now)
    if db.session.scalar(sa.select(Delivery.id).where(*waiting, is_due).limit(1)) is not None:
        return None
    at, people = db.session.execute(
        sa.select(sa.func.min(Delivery.not_before), sa.func.count()).where(*waiting)
    ).one()
    return Wave(at, people) if at is not None else None
