"""Times of wall clocks, and the moments that time zones make of them.

Twice a year most clocks jump. A time that is jumped over becomes the same time on the clock
that was not put forward (02:30 becomes 03:30); of a time that comes twice the first is meant.
Nothing happens twice or never because of it, and `Resolved.note` says it to people.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.campaign import audience
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, rows_given
from campaigns.reason import Reason, ReasonError

FIELD = "moment"
FARTHEST = timedelta(days=2 * 366)
MOST_YEARS = 100
HOURS = 24


class MomentError(ReasonError):
    """That is no moment a campaign can start at."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A moment; `note` says what was odd about the time it was made from."""

    at: datetime
    note: Reason | None = None


@dataclass(frozen=True, slots=True)
class DayWindow:
    """Hours of a day in which email may be sent: from 8 until 20 is 08:00 to 19:59."""

    begins: int = 0
    ends: int = HOURS

    def __post_init__(self) -> None:
        if not 0 <= self.begins < self.ends <= HOURS:
            raise MomentError("schedule.hours", field="hours")

    @property
    def is_whole_day(self) -> bool:
        """Whether these hours limit nothing."""
        return (self.begins, self.ends) == (0, HOURS)

    def holds(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether a moment is within these hours in a time zone."""
        return self.begins <= at.astimezone(zone).hour < self.ends

    def next_in(self, at: datetime, zone: ZoneInfo) -> datetime:
        """This moment, or the next time the window opens in the zone."""
        if self.holds(at, zone):
            return at
        here = at.astimezone(zone)
        day = here.date() + timedelta(days=0 if here.hour < self.begins else 1)
        opening = resolve(datetime.combine(day, dt.time(self.begins)), zone).at
        while not self.holds(opening, zone):  # clocks may jump over the whole of a short window
            day += timedelta(days=1)
            opening = resolve(datetime.combine(day, dt.time(self.begins)), zone).at
        return opening


def resolve(local: datetime, zone: ZoneInfo) -> Resolved:
    """Return the moment at which clocks in the zone show this (naive) time, in UTC."""
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    at = first.astimezone(UTC)
    if first.utcoffset() == second.utcoffset():
        return Resolved(at)
    shown = at.astimezone(zone)
    params = {"on_date": local.isoformat(), "zone": zone.key, "asked_time": local.isoformat()}
    if shown.replace(tzinfo=None) != local:
        taken = shown.replace(tzinfo=None).isoformat()
        return Resolved(at, Reason("schedule.skipped_hour", {**params, "taken_time": taken}))
    return Resolved(at, Reason("schedule.repeated_hour", params))


def local_moment(date: dt.date | None, time: dt.time | None) -> datetime:
    """Return a date and a time as a naive moment, without seconds. Raises MomentError."""
    if date is None or time is None:
        raise MomentError("schedule.no_time", field=FIELD)
    return datetime.combine(date, time.replace(second=0, microsecond=0, tzinfo=None))


def moment_ahead(local: datetime, zone_name: str, *, now: datetime) -> Resolved:
    """Return when a clock of this zone shows the (naive) time. Raises MomentError unless ahead."""
    zone = find_zone(zone_name)
    check_distance(local, now)
    found = resolve(local, zone)
    if found.at <= now:
        here = now.astimezone(zone).replace(tzinfo=None).isoformat()
        raise MomentError("schedule.past", field=FIELD, zone=zone_name, now_local=here)
    return found


def check_distance(local: datetime, now: datetime) -> None:
    """Raise MomentError for a time that is so far off that it must be a slip."""
    if abs(local.year - now.year) > MOST_YEARS:  # near year 1 and 9999 no zone can be reckoned
        raise MomentError("schedule.year", field=FIELD, year=str(local.year))
    if local.replace(tzinfo=UTC) - now > FARTHEST:
        raise MomentError("schedule.too_far", field=FIELD)


def find_zone(name: str) -> ZoneInfo:
    """Return the zone of this name. Raises MomentError."""
    try:
        return ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MomentError("schedule.unknown_zone", field=FIELD, name=name[:60]) from None


@cache
def zones_by_name() -> Mapping[str, ZoneInfo]:
    """Return every time zone by its lower-case name, as subscribers' data may spell it."""
    return {name.lower(): ZoneInfo(name) for name in sorted(available_timezones())}


# --- in each recipient's time zone -------------------------------------------------------------
# The zone comes from the recipient's data, else it is the workspace's. A mapping of zones to
# moments is joined to the audience: one statement for a million recipients.

ATTRIBUTES = ("timezone", "time_zone", "tz")
"""Attributes that may hold a subscriber's time zone, in order of preference."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """When email may reach recipients.

    From `start` on, when their clock shows `local_at`, within these hours of their day.
    """

    start: datetime
    local_at: datetime | None = None
    hours: DayWindow = field(default_factory=DayWindow)

    @property
    def is_for_all_alike(self) -> bool:
        """Whether every recipient is due at the same moment, at any hour."""
        return self.local_at is None and self.hours.is_whole_day

    def in_zone(self, zone: ZoneInfo) -> datetime:
        """When it may reach somebody who lives there; not before `start`."""
        at = self.start
        if self.local_at is not None:
            at = max(at, resolve(self.local_at, zone).at)
        return self.hours.next_in(at, zone)


def arrival_of(campaign: Campaign, *, now: datetime) -> Arrival:
    """Return when this campaign may reach recipients if it starts now."""
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
        """Zones and moments as a table to join with."""
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


@dataclass(frozen=True, slots=True)
class Wave:
    """People whose email may be sent from this moment on."""

    at: datetime
    people: int


def people_by_zone(campaign_id: int) -> Mapping[str, int]:
    """How many of the audience live in each zone, as their data says it; "" for no zone."""
    person = audience.audience(campaign_id).subquery()
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
    """Return how many people have no time zone, or an unknown one."""
    return sum(count for name, count in people.items() if name not in zones_by_name())


def waves(people: Mapping[str, int], arrival: Arrival, fallback: ZoneInfo) -> list[Wave]:
    """Return the audience in the order in which it is reached."""
    counts: Counter[datetime] = Counter()
    for name, count in people.items():
        counts[arrival.in_zone(zones_by_name().get(name, fallback))] += count
    return [Wave(at, counts[at]) for at in sorted(counts)]


def first_moment(people: Mapping[str, int], local_at: datetime, fallback: ZoneInfo) -> datetime:
    """When the first clock of the audience shows this time: then the campaign has to start."""
    zones = {zones_by_name().get(name, fallback) for name in people} or {fallback}
    return min(resolve(local_at, zone).at for zone in zones)
