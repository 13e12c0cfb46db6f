"""What was chosen in the send form: when, by whose clock, again and again, how quickly."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from werkzeug.datastructures import MultiDict

from campaigns.campaign import local_time, recurrence
from campaigns.campaign.local_time import DayWindow, MomentError
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.campaign.recurrence import Frequency, Repeat, RepeatError
from campaigns.campaign.schedule import MOST_PER_HOUR, MOST_SPREAD, Plan
from campaigns.web.template_helpers import zone

Form = MultiDict[str, str]
DAYTIME = DayWindow(8, 20)
FREQUENCIES: Mapping[str, Frequency] = {
    "daily": "daily", "weekly": "weekly", "monthly": "monthly",
}  # fmt: skip


class WishError(ValueError):
    """That cannot be done; the message says why, `field` which part of the form is to blame."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Wish:
    """A plan as it was asked for.

    `people` are the audience by zone, where that matters. `note` says what is odd about the
    moment. With a `repeat` the plan is that of each time, from `first` on.
    """

    plan: Plan
    people: Mapping[str, int]
    note: str = ""
    repeat: Repeat | None = None
    first: datetime | None = None


def read_wish(campaign: Campaign, form: Form, *, now: datetime) -> Wish:
    """The form as a plan. Raises WishError."""
    when = form.get("when", "now")
    try:
        hours = _hours(form)
    except MomentError as error:
        raise WishError(str(error), "hours") from None
    spread, pace = _pace(form)
    by_zone = when == "local" or not hours.is_whole_day
    people = local_time.people_by_zone(campaign.id) if by_zone else {}
    rest = Plan(hours=hours, spread_seconds=spread, pace_per_second=pace)
    try:
        if when == "repeat":
            return _repeated(form, rest, people, now)
        return Wish(*_moment(when, form, rest, people, now))
    except (MomentError, RepeatError) as error:
        field = "repeat" if isinstance(error, RepeatError) else "moment"
        raise WishError(str(error), field) from None


def read_new_time(campaign: Campaign, form: Form, *, now: datetime) -> Wish:
    """Another moment for a campaign; it goes by readers' own clocks if it did. Raises WishError."""
    when = "local" if campaign.local_at else "later"
    people = local_time.people_by_zone(campaign.id) if campaign.local_at else {}
    try:
        plan, people, note = _moment(when, form, Plan(), people, now)
    except MomentError as error:
        raise WishError(str(error), "moment") from None
    return Wish(plan if plan.at else replace(plan, at=now), people, note)


def _moment(
    when: str, form: Form, rest: Plan, people: Mapping[str, int], now: datetime
) -> tuple[Plan, Mapping[str, int], str]:
    if when == "local":
        return _at_local_time(form, rest, people, now), people, ""
    if when != "later":
        return rest, people, ""
    name = form.get("zone", "").strip()
    found = local_time.parse_moment(form.get("date", ""), form.get("time", ""), name, now=now)
    return _with(rest, at=found.at, zone_name=name), people, found.note


def _at_local_time(form: Form, rest: Plan, people: Mapping[str, int], now: datetime) -> Plan:
    local = local_time.parse_local(form.get("date", ""), form.get("time", ""))
    local_time.check_distance(local, now)
    home = zone()
    last = local_time.waves(people, local_time.Arrival(_long_ago(now), local), home)
    if last and last[-1].at <= now:
        raise MomentError("That moment has passed for all of your readers.")
    first = local_time.first_moment(people, local, home)
    return _with(rest, at=first if first > now else None, zone_name=home.key, local_at=local)


def _long_ago(now: datetime) -> datetime:
    return now - timedelta(days=400)


def _with(
    rest: Plan, *, at: datetime | None, zone_name: str, local_at: datetime | None = None
) -> Plan:
    return Plan(at, zone_name, local_at, rest.hours, rest.spread_seconds, rest.pace_per_second)


def _repeated(form: Form, rest: Plan, people: Mapping[str, int], now: datetime) -> Wish:
    name = form.get("zone", "").strip()
    local_time.find_zone(name)
    first = local_time.parse_local(form.get("date", ""), form.get("time", ""))
    local_time.check_distance(first, now)
    local_at = first if "repeat_local" in form else None
    plan = _with(rest, at=None, zone_name=name, local_at=local_at)
    return Wish(plan, people, repeat=read_repeat(form), first=first)


def form_of(series: CampaignSeries) -> Form:
    """The form as it stood when this series was last decided on."""
    rule = recurrence.read_rule(series.rule)
    first = datetime.fromisoformat(series.first_local)
    pace = "spread" if series.spread_seconds else "rate" if series.pace_per_second else "fast"
    hours = DayWindow(series.hours_from, series.hours_until)
    chosen = hours if not hours.is_whole_day else DAYTIME
    filled: list[tuple[str, object]] = [
        ("when", "repeat"),
        ("date", f"{first:%Y-%m-%d}"),
        ("time", f"{first:%H:%M}"),
        ("zone", series.zone),
        ("frequency", rule.frequency),
        ("interval", rule.interval),
        *(("weekday", day) for day in rule.weekdays),
        ("monthly", "weekday" if rule.nth else "day"),
        ("month_day", rule.month_day or first.day),
        ("nth", rule.nth or 1),
        ("nth_weekday", rule.weekdays[0] if rule.nth else first.weekday()),
        ("ends", "until" if rule.until else "count" if rule.count else "never"),
        ("until", rule.until or ""),
        ("count", rule.count or ""),
        ("pace", pace),
        ("spread_hours", series.spread_seconds // 3600 or ""),
        ("per_hour", round(series.pace_per_second * 3600) or ""),
        ("hours_from", chosen.begins),
        ("hours_until", chosen.ends),
        *((("hours", "on"),) if not hours.is_whole_day else ()),
        *((("repeat_local", "on"),) if series.is_local_time else ()),
    ]
    return MultiDict((name, str(value)) for name, value in filled)


def read_repeat(form: Form) -> Repeat:
    """The rule of the form. Raises RepeatError."""
    frequency = FREQUENCIES.get(form.get("frequency", ""))
    if frequency is None:
        raise RepeatError("Choose how often it repeats.")
    by_weekday = frequency == "monthly" and form.get("monthly") == "weekday"
    weekdays: tuple[int, ...] = ()
    if frequency == "weekly":
        weekdays = tuple(_number(day, 7) for day in form.getlist("weekday"))
    elif by_weekday:
        weekdays = (_number(form.get("nth_weekday", ""), 7),)
    ends = form.get("ends", "never")
    return Repeat(
        frequency=frequency,
        interval=_number(form.get("interval", "1"), 0),
        weekdays=weekdays,
        month_day=_number(form.get("month_day", ""), 0) if _is_by_day(frequency, form) else 0,
        nth=int(form["nth"]) if by_weekday and form.get("nth") in {*"1234", "-1"} else 0,
        until=_day(form.get("until", "")) if ends == "until" else None,
        count=_number(form.get("count", ""), 0) if ends == "count" else 0,
    )


def _is_by_day(frequency: Frequency, form: Form) -> bool:
    return frequency == "monthly" and form.get("monthly") != "weekday"


def _number(text: str, otherwise: int) -> int:
    is_number = text.strip().isascii() and text.strip().isdigit() and len(text) < 9
    return int(text) if is_number else otherwise


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise RepeatError("Choose the last day on which it may go out.") from None


def _hours(form: Form) -> DayWindow:
    if "hours" not in form:
        return DayWindow()
    return DayWindow(
        _number(form.get("hours_from", ""), -1), _number(form.get("hours_until", ""), -1)
    )


def _pace(form: Form) -> tuple[int, float]:
    """(spread_seconds, pace_per_second)."""
    kind = form.get("pace", "fast")
    if kind == "spread":
        most = MOST_SPREAD // timedelta(hours=1)
        hours = _number(form.get("spread_hours", ""), 0)
        if not 1 <= hours <= most:
            raise WishError(f"Spread it over 1 to {most} hours.", "pace")
        return hours * 3600, 0.0
    if kind == "rate":
        per_hour = _number(form.get("per_hour", ""), 0)
        if not 1 <= per_hour <= MOST_PER_HOUR:
            raise WishError("At most how many an hour? Give a whole number.", "pace")
        return 0, per_hour / 3600
    return 0, 0.0
