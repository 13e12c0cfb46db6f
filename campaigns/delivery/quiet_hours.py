"""Hold email back where the hours of a campaign's day are over, and tell when the next is due."""

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
from campaigns.db import db, rows_changed

MARGIN = timedelta(seconds=90)
"""Time before the end of a zone's hours from which its email is held back: what is claimed then
may leave a little later."""


def hold_back(
    campaign: Campaign,
    fallback: ZoneInfo,
    *among: sa.ColumnElement[bool],
    now: datetime,
    most: int | None = None,
) -> int:
    """Hold back what is due soon where the hours have ended. Returns how many there were.

    A large or slow campaign outlasts the hours of a day: the rest waits until they begin again.
    `among`: only deliveries for which this holds. `most`: so many of them at a time.
    """
    hours = DayWindow(campaign.hours_from, campaign.hours_until)
    if hours.is_whole_day:
        return 0
    waiting = _closed(hours, fallback, now)
    given = waiting.given()
    opens = waiting.moment(given).label("opens")
    held = (
        sa.select(Delivery.id, opens)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(given, given.c.zone == zone_name())
        .where(*_due_soon(campaign.id, now), *among, _is_before(opens))
        .limit(most)
        .subquery()
    )
    result = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id == held.c.id, *_due_soon(campaign.id, now))
        .values(not_before=sa.type_coerce(held.c.opens, Delivery.not_before.type))
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result)


def _is_before(opens: sa.ColumnElement[datetime | None]) -> sa.ColumnElement[bool]:
    """Whether it is due before the hours begin again; a server's wait is never made shorter."""
    is_early = sa.or_(Delivery.not_before.is_(None), Delivery.not_before < opens)
    return sa.and_(opens.is_not(None), is_early)


def _due_soon(campaign_id: int, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Delivery.campaign_id == campaign_id,
        Delivery.status == sa.literal_column("'queued'"),
        sa.or_(Delivery.not_before.is_(None), Delivery.not_before <= now + MARGIN),
    )


def _closed(hours: DayWindow, fallback: ZoneInfo, now: datetime) -> Timetable:
    """For the zones whose hours are over, or nearly: when they begin again. None for others."""

    def opening(zone: ZoneInfo) -> datetime | None:
        for at in (now, now + MARGIN):
            if not hours.holds(at, zone):
                return hours.next_in(at, zone)
        return None

    return Timetable(
        {name: opening(zone) for name, zone in zones_by_name().items()}, opening(fallback)
    )


def with_hours() -> list[Campaign]:
    """Return campaigns being sent or paused that keep to hours of the day."""
    return list(
        db.session.scalars(
            sa.select(Campaign).where(
                Campaign.status.in_(("sending", "paused")),
                sa.or_(Campaign.hours_from > 0, Campaign.hours_until < HOURS),
            )
        )
    )


def in_waves() -> list[Campaign]:
    """Return campaigns being sent in recipients' time zones or within hours of their day."""
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
    """When the next are due and how many wait in all; None while anybody is due already."""
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
