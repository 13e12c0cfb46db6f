"""Read the send form as a ScheduleRequest, and fill it from a schedule.

Only the shape is checked here: unreadable input becomes a value that the domain refuses.
"""

import datetime as dt
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from flask_babel import lazy_gettext
from werkzeug.datastructures import MultiDict

from campaigns.campaign import recurrence
from campaigns.campaign.local_time import DayWindow
from campaigns.campaign.models import CampaignSeries
from campaigns.campaign.recurrence import Frequency
from campaigns.campaign.schedule_request import (
    HoursRequest,
    PaceRequest,
    RecurrenceRequest,
    ScheduleRequest,
)

Form = MultiDict[str, str]
DAYTIME = DayWindow(8, 20)
NTH_WORDS: Mapping[int, Any] = {
    1: lazy_gettext("first"),
    2: lazy_gettext("second"),
    3: lazy_gettext("third"),
    4: lazy_gettext("fourth"),
    -1: lazy_gettext("last"),
}
_UNREADABLE = -1


def read_schedule(form: Form) -> ScheduleRequest:
    """Return the request: when, by whose clock, how often, how fast."""
    when = form.get("when", "now")
    return ScheduleRequest(
        when=when if when in ("later", "local", "repeat") else "now",
        date=read_date(form.get("date", "")),
        time=_time(form.get("time", "")),
        zone=form.get("zone", ""),
        hours=_hours(form),
        pace=_pace(form),
        recurrence=_recurrence(form) if when == "repeat" else None,
    )


def _recurrence(form: Form) -> RecurrenceRequest:
    frequency: Frequency | None = next(
        (name for name in get_args(Frequency) if name == form.get("frequency")), None
    )
    is_by_weekday = frequency == "monthly" and form.get("monthly") == "weekday"
    weekdays = form.getlist("weekday") if frequency == "weekly" else []
    if is_by_weekday:
        weekdays = [form.get("nth_weekday", "")]
    nth = form.get("nth", "")
    ends = form.get("ends")
    return RecurrenceRequest(
        frequency=frequency,
        interval=number(form.get("interval", "1")),
        weekdays=tuple(map(number, weekdays)),
        month_day=number(form.get("month_day", ""))
        if frequency == "monthly" and not is_by_weekday
        else 0,
        nth=int(nth) if is_by_weekday and nth in map(str, recurrence.NTH) else 0,
        ends=ends if ends in ("until", "count") else "never",
        until=read_date(form.get("until", "")),
        count=number(form.get("count", "")),
        in_recipient_zone="repeat_local" in form,
    )


def _hours(form: Form) -> HoursRequest | None:
    if "hours" not in form:
        return None
    return HoursRequest(
        begins=number(form.get("hours_from", "")), ends=number(form.get("hours_until", ""))
    )


def _pace(form: Form) -> PaceRequest:
    kind = form.get("pace", "fast")
    return PaceRequest(
        spread_hours=number(form.get("spread_hours", "")) if kind == "spread" else None,
        per_hour=number(form.get("per_hour", "")) if kind == "rate" else None,
    )


def number(text: str) -> int:
    """Return a typed whole number; -1 for anything else."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else _UNREADABLE


def read_date(text: str) -> dt.date | None:
    """Parse `2026-03-29` as a date; None if invalid."""
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        return None


def _time(text: str) -> dt.time | None:
    try:
        return dt.time.fromisoformat(text.strip())
    except ValueError:
        return None


def form_of(series: CampaignSeries) -> Form:
    """Return the form values of this series."""
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
