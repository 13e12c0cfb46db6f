"""Requests to schedule a campaign, and their validation.

The models are filled in by a form or a program, and check shapes only. `resolve` applies the rules
and raises ReasonError, whose `field` names the part at fault.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from campaigns.accounts.workspace import workspace_zone
from campaigns.campaign import local_time
from campaigns.campaign.local_time import Arrival, DayWindow, LocalTimeError
from campaigns.campaign.models import Campaign
from campaigns.campaign.recurrence import Frequency, Recurrence, RecurrenceError
from campaigns.campaign.schedule import MAX_PER_HOUR, MAX_SPREAD, SendPlan
from campaigns.reason import Reason, ReasonError

_LONG_AGO = timedelta(days=400)


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HoursRequest(_Request):
    """Sending hours: from 8 until 20 is 08:00 to 19:59."""

    begins: int
    ends: int


class PaceRequest(_Request):
    """Spread over a number of hours, or limited per hour; neither: full speed."""

    spread_hours: int | None = None
    per_hour: int | None = None


class RecurrenceRequest(_Request):
    """The rule of a recurring campaign; see `recurrence.Recurrence`."""

    frequency: Frequency | None = None
    interval: int = 1
    weekdays: tuple[int, ...] = ()
    month_day: int = 0
    nth: int = 0
    ends: Literal["never", "until", "count"] = "never"
    until: dt.date | None = None
    count: int = 0
    in_recipient_zone: bool = False


class ScheduleRequest(_Request):
    """When, by whose clock, how often and how fast to send a campaign.

    `when`: "later" is a time in `zone`, "local" the same time in each recipient's zone; with
    "repeat", `date` and `time` are the first day and the time of the `recurrence`.
    """

    when: Literal["now", "later", "local", "repeat"] = "now"
    date: dt.date | None = None
    time: dt.time | None = None
    zone: str = ""
    hours: HoursRequest | None = None
    pace: PaceRequest = PaceRequest()
    recurrence: RecurrenceRequest | None = None


@dataclass(frozen=True, slots=True)
class RecurringPlan:
    """A rule, and the (naive) time from which it counts."""

    rule: Recurrence
    first: datetime


@dataclass(frozen=True, slots=True)
class ResolvedSchedule:
    """A valid request.

    `people`: the audience by zone, if needed. `note`: a remark about the time, such as a clock
    change. With `recurring`, the plan is that of each occurrence.
    """

    plan: SendPlan
    people: Mapping[str, int]
    note: Reason | None = None
    recurring: RecurringPlan | None = None


def resolve(campaign: Campaign, request: ScheduleRequest, *, now: datetime) -> ResolvedSchedule:
    """Validate a request for this campaign. Raises ReasonError."""
    hours = DayWindow(request.hours.begins, request.hours.ends) if request.hours else DayWindow()
    spread, pace = _pace(request.pace)
    rest = SendPlan(hours=hours, spread_seconds=spread, pace_per_second=pace)
    by_zone = request.when == "local" or not hours.is_whole_day
    people = local_time.people_by_zone(campaign.id, now=now) if by_zone else {}
    if request.when == "repeat":
        return _recurring(request, rest, people, now)
    return _once(request, rest, people, now)


def resolve_new_time(
    campaign: Campaign, request: ScheduleRequest, *, now: datetime
) -> ResolvedSchedule:
    """Validate another time for a scheduled campaign. Raises ReasonError.

    It stays in each recipient's time zone if it was; hours and pace stay.
    """
    when: Literal["local", "later"] = "local" if campaign.local_at else "later"
    people = local_time.people_by_zone(campaign.id, now=now) if campaign.local_at else {}
    found = _once(request.model_copy(update={"when": when}), SendPlan(), people, now)
    return found if found.plan.at else replace(found, plan=replace(found.plan, at=now))


def _once(
    request: ScheduleRequest, rest: SendPlan, people: Mapping[str, int], now: datetime
) -> ResolvedSchedule:
    if request.when == "now":
        return ResolvedSchedule(rest, people)
    local = local_time.local_datetime(request.date, request.time)
    if request.when == "local":
        return ResolvedSchedule(_in_recipient_zones(local, rest, people, now), people)
    zone = request.zone.strip()
    found = local_time.future_time(local, zone, now=now)
    return ResolvedSchedule(replace(rest, at=found.at, zone=zone), people, found.note)


def _in_recipient_zones(
    local: datetime, rest: SendPlan, people: Mapping[str, int], now: datetime
) -> SendPlan:
    local_time.check_distance(local, now)
    home = workspace_zone()
    last = local_time.waves(people, Arrival(now - _LONG_AGO, local), home)
    if last and last[-1].at <= now:
        raise LocalTimeError("schedule.past_for_all", field=local_time.FIELD)
    first = local_time.first_time(people, local, home)
    return replace(rest, at=first if first > now else None, zone=home.key, local_at=local)


def _recurring(
    request: ScheduleRequest, rest: SendPlan, people: Mapping[str, int], now: datetime
) -> ResolvedSchedule:
    zone = request.zone.strip()
    local_time.find_zone(zone)
    first = local_time.local_datetime(request.date, request.time)
    local_time.check_distance(first, now)
    asked = request.recurrence or RecurrenceRequest()
    plan = replace(rest, zone=zone, local_at=first if asked.in_recipient_zone else None)
    return ResolvedSchedule(plan, people, recurring=RecurringPlan(_rule(asked), first))


def _rule(asked: RecurrenceRequest) -> Recurrence:
    if asked.frequency is None:
        raise RecurrenceError("recurrence.no_frequency")
    if asked.ends == "until" and asked.until is None:
        raise RecurrenceError("recurrence.no_last_day")
    return Recurrence(
        frequency=asked.frequency,
        interval=asked.interval,
        weekdays=asked.weekdays,
        month_day=asked.month_day,
        nth=asked.nth,
        until=asked.until if asked.ends == "until" else None,
        count=asked.count if asked.ends == "count" else 0,
    )


def _pace(asked: PaceRequest) -> tuple[int, float]:
    """Return (spread_seconds, pace_per_second)."""
    if asked.spread_hours is not None:
        most = MAX_SPREAD // timedelta(hours=1)
        if not 1 <= asked.spread_hours <= most:
            raise ReasonError("schedule.spread", field="pace", most=most)
        return asked.spread_hours * 3600, 0.0
    if asked.per_hour is not None:
        if not 1 <= asked.per_hour <= MAX_PER_HOUR:
            raise ReasonError("schedule.pace", field="pace", most=MAX_PER_HOUR)
        return 0, asked.per_hour / 3600
    return 0, 0.0
