"""At each reader's own time: which zone a reader lives in, and when mail may reach them there.

The zone comes from the reader's data, else it is the workspace's. Everything is set-based: a
mapping of zones to moments is joined to the audience, in one statement for a million readers.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.db import db, rows_changed, rows_given
from campaigns.sending import audience_query
from campaigns.sending.models import Campaign, Delivery
from campaigns.sending.moments import HOURS, DayWindow, resolve, zones_by_name

ATTRIBUTES = ("timezone", "time_zone", "tz")
"""Where a reader's zone may stand: the first of these that holds anything."""
MARGIN = timedelta(seconds=90)
"""So long before the hours of a zone end its mail is held back: what is claimed then may leave
a little later."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """When mail may reach readers: from `start` on, when their clock shows `local_at`, within
    these hours of their day."""

    start: datetime
    local_at: datetime | None = None
    hours: DayWindow = field(default_factory=DayWindow)

    @property
    def is_for_all_alike(self) -> bool:
        return self.local_at is None and self.hours.is_whole_day

    def in_zone(self, zone: ZoneInfo) -> datetime:
        """When it may reach somebody who lives there; not before `start`."""
        at = self.start
        if self.local_at is not None:
            at = max(at, resolve(self.local_at, zone).at)
        return self.hours.next_in(at, zone)


def arrival_of(campaign: Campaign, *, now: datetime) -> Arrival:
    """As it was planned for this campaign, if it starts now."""
    return Arrival(
        start=now,
        local_at=datetime.fromisoformat(campaign.local_at) if campaign.local_at else None,
        hours=DayWindow(campaign.hours_from, campaign.hours_until),
    )


def zone_name() -> sa.ColumnElement[str]:
    """What a subscriber's data says of their zone, in small letters; "" where it says nothing."""
    values = (
        sa.func.nullif(sa.func.trim(Subscriber.attributes[name].as_string()), "")
        for name in ATTRIBUTES
    )
    return sa.func.lower(sa.func.coalesce(*values, ""))


@dataclass(frozen=True, slots=True)
class Timetable:
    """Moments by zone, to be joined to subscribers; `otherwise` for those of no known zone.

    None: at once (or, in a table of those to be held back: not held back).
    """

    moments: Mapping[str, datetime | None]
    otherwise: datetime | None

    def given(self) -> sa.FromClause:
        rows = [{"zone": name, "moment": at} for name, at in self.moments.items()]
        return rows_given(rows, {"zone": sa.Text(), "moment": Delivery.not_before.type})

    def moment(self, given: sa.FromClause) -> sa.ColumnElement[datetime | None]:
        """The moment of the subscriber who is joined to `given` (outer, by `zone_name`)."""
        type_ = Delivery.not_before.type
        return sa.case(
            (given.c.zone.is_not(None), sa.type_coerce(given.c.moment, type_)),
            else_=sa.literal(self.otherwise, type_),
        )


def timetable(arrival: Arrival, fallback: ZoneInfo) -> Timetable:
    """For every zone the moment from which mail may reach readers there; None: at once."""

    def later(zone: ZoneInfo) -> datetime | None:
        at = arrival.in_zone(zone)
        return at if at > arrival.start else None

    return Timetable({name: later(zone) for name, zone in zones_by_name().items()}, later(fallback))


# --- Looked at beforehand


@dataclass(frozen=True, slots=True)
class Wave:
    """So many people whose mail leaves from this moment on."""

    at: datetime
    people: int


def people_by_zone(campaign_id: int) -> Mapping[str, int]:
    """How many of the audience live in each zone, as their data says it; "" for no zone."""
    person = audience_query.audience(campaign_id).subquery()
    zone = zone_name().label("zone")
    rows = db.session.execute(
        sa.select(zone, sa.func.count().label("people"))
        .select_from(person)
        .join(Subscriber, Subscriber.id == person.c.subscriber_id)
        .where(~person.c.is_suppressed)
        .group_by(zone)
    )
    return {row.zone: row.people for row in rows}


def unknown_zones(people: Mapping[str, int]) -> int:
    """How many people have no zone, or one that there is not."""
    return sum(count for name, count in people.items() if name not in zones_by_name())


def waves(people: Mapping[str, int], arrival: Arrival, fallback: ZoneInfo) -> list[Wave]:
    """The audience in the order in which it is reached."""
    counts: Counter[datetime] = Counter()
    for name, count in people.items():
        counts[arrival.in_zone(zones_by_name().get(name, fallback))] += count
    return [Wave(at, counts[at]) for at in sorted(counts)]


def first_moment(people: Mapping[str, int], local_at: datetime, fallback: ZoneInfo) -> datetime:
    """When the first clock of the audience shows this time: then the campaign has to start."""
    zones = {zones_by_name().get(name, fallback) for name in people} or {fallback}
    return min(resolve(local_at, zone).at for zone in zones)


# --- While it is sent


def hold_back(
    campaign: Campaign,
    fallback: ZoneInfo,
    *among: sa.ColumnElement[bool],
    now: datetime,
    most: int | None = None,
) -> int:
    """Put off what is due, or will be soon, where the hours have ended. How many there were.

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
    """Campaigns under way that keep to hours of the day."""
    return list(
        db.session.scalars(
            sa.select(Campaign).where(
                Campaign.status.in_(("sending", "paused")),
                sa.or_(Campaign.hours_from > 0, Campaign.hours_until < HOURS),
            )
        )
    )


def in_waves() -> list[Campaign]:
    """Campaigns being sent that go by readers' own clocks or keep to hours of their day."""
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
