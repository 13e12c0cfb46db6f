"""Convert local clock times to UTC, and schedule by recipients' time zones.

Most clocks change twice a year. A time that does not exist moves forward by the gap (02:30 becomes
03:30); of a time that occurs twice, the first counts. So nothing is skipped or happens twice, and
`Resolved.note` tells the user.
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
MAX_YEARS = 100
HOURS = 24


class LocalTimeError(ReasonError):
    """A campaign cannot start at this time."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A time in UTC; `note` says if the local time was affected by a clock change."""

    at: datetime
    note: Reason | None = None


@dataclass(frozen=True, slots=True)
class DayWindow:
    """Sending hours: from 8 until 20 is 08:00 to 19:59."""

    begins: int = 0
    ends: int = HOURS

    def __post_init__(self) -> None:
        if not 0 <= self.begins < self.ends <= HOURS:
            raise LocalTimeError("schedule.hours", field="hours")

    @property
    def is_whole_day(self) -> bool:
        """Whether these hours are no limit."""
        return (self.begins, self.ends) == (0, HOURS)

    def holds(self, at: datetime, zone: ZoneInfo) -> bool:
        """Return whether a time is within these hours in a time zone."""
        return self.begins <= at.astimezone(zone).hour < self.ends

    def next_in(self, at: datetime, zone: ZoneInfo) -> datetime:
        """Return this time, or the next time the window opens in the zone."""
        if self.holds(at, zone):
            return at
        here = at.astimezone(zone)
        day = here.date() + timedelta(days=0 if here.hour < self.begins else 1)
        opening = resolve(datetime.combine(day, dt.time(self.begins)), zone).at
        while not self.holds(opening, zone):  # a clock change may skip a whole short window
            day += timedelta(days=1)
            opening = resolve(datetime.combine(day, dt.time(self.begins)), zone).at
        return opening


def resolve(local: datetime, zone: ZoneInfo) -> Resolved:
    """Return the time in UTC at which clocks in the zone show this (naive) time."""
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


def local_datetime(date: dt.date | None, time: dt.time | None) -> datetime:
    """Combine a date and a time into a naive datetime without seconds. Raises LocalTimeError."""
    if date is None or time is None:
        raise LocalTimeError("schedule.no_time", field=FIELD)
    return datetime.combine(date, time.replace(second=0, microsecond=0, tzinfo=None))


def future_time(local: datetime, zone_name: str, *, now: datetime) -> Resolved:
    """Return when clocks of this zone show the (naive) time. Raises LocalTimeError if past."""
    zone = find_zone(zone_name)
    check_distance(local, now)
    found = resolve(local, zone)
    if found.at <= now:
        here = now.astimezone(zone).replace(tzinfo=None).isoformat()
        raise LocalTimeError("schedule.past", field=FIELD, zone=zone_name, now_local=here)
    return found


def check_distance(local: datetime, now: datetime) -> None:
    """Raise LocalTimeError for a time too far away to be intended."""
    if abs(local.year - now.year) > MAX_YEARS:  # conversions fail near the years 1 and 9999
        raise LocalTimeError("schedule.year", field=FIELD, year=str(local.year))
    if local.replace(tzinfo=UTC) - now > FARTHEST:
        raise LocalTimeError("schedule.too_far", field=FIELD)


def find_zone(name: str) -> ZoneInfo:
    """Return the zone of this name. Raises LocalTimeError."""
    try:
        return ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise LocalTimeError("schedule.unknown_zone", field=FIELD, name=name[:60]) from None


@cache
def zones_by_name() -> Mapping[str, ZoneInfo]:
    """Return every time zone by its lower-case name, as spelling varies in subscribers' data."""
    return {name.lower(): ZoneInfo(name) for name in sorted(available_timezones())}


# --- in each recipient's time zone -------------------------------------------------------------
# The zone comes from the recipient's data, or else is the workspace's. A mapping of zones to times
# is joined to the audience: one statement for a million recipients.

ATTRIBUTES = ("timezone", "time_zone", "tz")
"""Attributes that may contain a subscriber's time zone, in order of preference."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """When email may be sent to recipients.

    From `start` on, when their clock shows `local_at`, within these hours.
    """

    start: datetime
    local_at: datetime | None = None
    hours: DayWindow = field(default_factory=DayWindow)

    @property
    def is_for_all_alike(self) -> bool:
        """Whether every recipient is due at the same time, at any hour."""
        return self.local_at is None and self.hours.is_whole_day

    def in_zone(self, zone: ZoneInfo) -> datetime:
        """Return when it may be sent to recipients in this zone; not before `start`."""
        at = self.start
        if self.local_at is not None:
            at = max(at, resolve(self.local_at, zone).at)
        return self.hours.next_in(at, zone)


def arrival_of(campaign: Campaign, *, now: datetime) -> Arrival:
    """Return when this campaign may be sent to recipients if it starts now."""
    return Arrival(
        start=now,
        local_at=datetime.fromisoformat(campaign.local_at) if campaign.local_at else None,
        hours=DayWindow(campaign.hours_from, campaign.hours_until),
    )


def zone_name() -> sa.ColumnElement[str]:
    """Return the expression for a subscriber's zone, in lower case; "" if unknown."""
    values = (
        sa.func.nullif(sa.func.trim(Subscriber.attributes[name].as_string()), "")
        for name in ATTRIBUTES
    )
    return sa.func.lower(sa.func.coalesce(*values, ""))


@dataclass(frozen=True, slots=True)
class Timetable:
    """Times by zone, to join with subscribers; `otherwise` for unknown zones.

    None: at once (or, when postponing: not postponed).
    """

    moments: Mapping[str, datetime | None]
    otherwise: datetime | None

    def given(self) -> sa.FromClause:
        """Return zones and times as a table to join with."""
        rows = [{"zone": name, "moment": at} for name, at in self.moments.items()]
        return rows_given(rows, {"zone": sa.Text(), "moment": Delivery.not_before.type})

    def moment(self, given: sa.FromClause) -> sa.ColumnElement[datetime | None]:
        """Return the time of a subscriber joined to `given` (outer, by `zone_name`)."""
        type_ = Delivery.not_before.type
        return sa.case(
            (given.c.zone.is_not(None), sa.type_coerce(given.c.moment, type_)),
            else_=sa.literal(self.otherwise, type_),
        )


def timetable(arrival: Arrival, fallback: ZoneInfo) -> Timetable:
    """Return the time from which recipients in each zone may be sent to; None: at once."""

    def later(zone: ZoneInfo) -> datetime | None:
        at = arrival.in_zone(zone)
        return at if at > arrival.start else None

    return Timetable({name: later(zone) for name, zone in zones_by_name().items()}, later(fallback))


@dataclass(frozen=True, slots=True)
class Wave:
    """People whose email may be sent from this time on."""

    at: datetime
    people: int


def people_by_zone(campaign_id: int, *, now: datetime) -> Mapping[str, int]:
    """Count the audience by zone, as spelled in their data; "" for no zone.

    Raises AudienceError.
    """
    person = audience.audience(audience.scope_of(campaign_id, now=now)).subquery()
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
    """Return the parts of the audience that become due together, in order."""
    counts: Counter[datetime] = Counter()
    for name, count in people.items():
        counts[arrival.in_zone(zones_by_name().get(name, fallback))] += count
    return [Wave(at, counts[at]) for at in sorted(counts)]


def first_time(people: Mapping[str, int], local_at: datetime, fallback: ZoneInfo) -> datetime:
    """Return when the first clock of the audience shows this time, and the campaign must start."""
    zones = {zones_by_name().get(name, fallback) for name in people} or {fallback}
    return min(resolve(local_at, zone).at for zone in zones)
