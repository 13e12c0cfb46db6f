"""Rules of recurring campaigns, stored as RRULE text and described by codes.

A rule uses local time ("Mondays at 9:00"): its occurrences are naive times, interpreted in the
zone, so 9:00 stays 9:00 when the clocks change. Of RFC 5545, it reads only rules that this
module writes.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Literal, get_args

from dateutil.rrule import rrule, rrulestr

from campaigns.reason import Parameter, Reason, ReasonError

FIELD = "repeat"
Frequency = Literal["daily", "weekly", "monthly"]
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NTH = (1, 2, 3, 4, -1)
MAX_INTERVAL = 52
MAX_COUNT = 1000
SHORTEST_MONTH = 28


class RecurrenceError(ReasonError):
    """The rule is invalid."""

    def __init__(self, code: str, **params: Parameter) -> None:
        super().__init__(code, field=FIELD, **params)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule. Weekdays count from 0, Monday.

    A monthly rule has a day of the month (`month_day`, 1 to 31; shorter months use their last day)
    or the `nth` of one weekday. `until` is the last possible day, `count` the largest number of
    occurrences; with neither, it runs until ended.
    """

    frequency: Frequency
    interval: int = 1
    weekdays: tuple[int, ...] = ()
    month_day: int = 0
    nth: int = 0
    until: dt.date | None = None
    count: int = 0

    def __post_init__(self) -> None:
        if self.frequency not in get_args(Frequency):
            raise RecurrenceError("recurrence.no_frequency")
        if not 1 <= self.interval <= MAX_INTERVAL:
            raise RecurrenceError("recurrence.interval", most=MAX_INTERVAL)
        if self.frequency == "weekly" and not self.weekdays:
            raise RecurrenceError("recurrence.no_weekday")
        if any(day not in range(7) for day in self.weekdays):
            raise RecurrenceError("recurrence.no_weekday")
        if self.frequency == "monthly" and not self._is_monthly():
            raise RecurrenceError("recurrence.no_month_day")
        if self.until is not None and self.count:
            raise RecurrenceError("recurrence.two_ends")
        if not 0 <= self.count <= MAX_COUNT:
            raise RecurrenceError("recurrence.count", most=MAX_COUNT)

    def _is_monthly(self) -> bool:
        is_by_day = 1 <= self.month_day <= 31 and not self.nth
        return is_by_day or (self.nth in NTH and len(self.weekdays) == 1 and not self.month_day)


def rule_text(recurrence: Recurrence) -> str:
    """Return the rule as RRULE text: `FREQ=WEEKLY;BYDAY=MO,TH`."""
    parts = [f"FREQ={recurrence.frequency.upper()}"]
    if recurrence.interval > 1:
        parts.append(f"INTERVAL={recurrence.interval}")
    parts += _by(recurrence)
    if recurrence.until is not None:
        parts.append(f"UNTIL={recurrence.until:%Y%m%d}T235959")
    if recurrence.count:
        parts.append(f"COUNT={recurrence.count}")
    return ";".join(parts)


def _by(recurrence: Recurrence) -> list[str]:
    days = sorted(recurrence.weekdays)
    if recurrence.frequency == "weekly":
        return ["BYDAY=" + ",".join(WEEKDAYS[day] for day in days)]
    if recurrence.frequency == "monthly" and recurrence.nth:
        return [f"BYDAY={recurrence.nth}{WEEKDAYS[days[0]]}"]
    if recurrence.frequency == "monthly" and recurrence.month_day > SHORTEST_MONTH:
        # The last of these days that a month has, so that short months are not skipped.
        possible = range(SHORTEST_MONTH, recurrence.month_day + 1)
        return ["BYMONTHDAY=" + ",".join(map(str, possible)), "BYSETPOS=-1"]
    if recurrence.frequency == "monthly":
        return [f"BYMONTHDAY={recurrence.month_day}"]
    return []


def read_rule(text: str) -> Recurrence:
    """Parse the text of `rule_text`. Raises RecurrenceError for any other."""
    try:
        parts = dict(part.split("=", 1) for part in text.split(";"))
        recurrence = Recurrence(
            frequency=parts["FREQ"].lower(),  # type: ignore[arg-type]
            interval=int(parts.get("INTERVAL", 1)),
            weekdays=tuple(WEEKDAYS.index(day[-2:]) for day in _listed(parts, "BYDAY")),
            nth=int(parts["BYDAY"][:-2] or 0)
            if parts["FREQ"] == "MONTHLY" and "BYDAY" in parts
            else 0,
            month_day=int((_listed(parts, "BYMONTHDAY") or ["0"])[-1]),
            until=_until(parts),
            count=int(parts.get("COUNT", 0)),
        )
    except (KeyError, ValueError) as error:
        raise RecurrenceError("recurrence.unreadable", rule=text[:100]) from error
    if rule_text(recurrence) != text:
        raise RecurrenceError("recurrence.unreadable", rule=text[:100])
    return recurrence


def _listed(parts: dict[str, str], name: str) -> list[str]:
    return [part for part in parts.get(name, "").split(",") if part]


def _until(parts: dict[str, str]) -> dt.date | None:
    text = parts.get("UNTIL")
    return datetime.strptime(text, "%Y%m%dT%H%M%S").date() if text else None  # noqa: DTZ007


@lru_cache(maxsize=256)
def _rule(text: str, first: datetime) -> rrule:
    rule = rrulestr(text, dtstart=first, cache=True)
    if not isinstance(rule, rrule):
        raise RecurrenceError("recurrence.unreadable", rule=text[:100])
    return rule


def occurrences(text: str, first: datetime, *, after: datetime | None = None) -> Iterator[datetime]:
    """Yield the naive times of a rule in order, from `first` on, or only those after a given time.

    May be infinite: take what you need.
    """
    rule = _rule(text, first)
    return iter(rule) if after is None else rule.xafter(after, inc=False)


def next_after(text: str, first: datetime, after: datetime) -> datetime | None:
    """Return the next occurrence; None after the last."""
    return next(occurrences(text, first, after=after), None)


def first_from(text: str, day: datetime) -> datetime | None:
    """Return the first occurrence on or after this day, at its time."""
    return next(occurrences(text, day), None)


def describe(recurrence: Recurrence) -> Reason:
    """Return the rule as a code: "every Monday", "the last Friday of every month, 10 times"."""
    rule = {"daily": _daily, "weekly": _weekly, "monthly": _monthly}[recurrence.frequency]
    described = rule(recurrence)
    if recurrence.until is not None:
        params = {"rule": described, "until_date": recurrence.until.isoformat()}
        return Reason("recurrence.until", params)
    if recurrence.count:
        return Reason("recurrence.times", {"rule": described, "count": recurrence.count})
    return described


def _daily(recurrence: Recurrence) -> Reason:
    return Reason("recurrence.daily", {"interval": recurrence.interval})


def _weekly(recurrence: Recurrence) -> Reason:
    days = tuple(sorted(recurrence.weekdays))
    if recurrence.interval == 1 and days == (0, 1, 2, 3, 4):
        return Reason("recurrence.workdays")
    if recurrence.interval == 1 and len(days) == 7:
        return Reason("recurrence.daily", {"interval": 1})
    return Reason("recurrence.weekly", {"interval": recurrence.interval, "weekdays": days})


_NTH_WEEKDAY = {
    1: "recurrence.first_weekday",
    2: "recurrence.second_weekday",
    3: "recurrence.third_weekday",
    4: "recurrence.fourth_weekday",
    -1: "recurrence.last_weekday",
}


def _monthly(recurrence: Recurrence) -> Reason:
    params: dict[str, Parameter] = {"interval": recurrence.interval}
    if recurrence.nth:
        params["weekdays"] = (recurrence.weekdays[0],)
        return Reason(_NTH_WEEKDAY[recurrence.nth], params)
    if recurrence.month_day == 31:
        return Reason("recurrence.last_day", params)
    params["day"] = recurrence.month_day
    is_short = recurrence.month_day > SHORTEST_MONTH
    return Reason("recurrence.late_day" if is_short else "recurrence.day_of_month", params)


def upcoming(text: str, first: datetime, *, after: datetime | None, most: int) -> list[datetime]:
    """Return the next few occurrences."""
    return list(islice(occurrences(text, first, after=after), most))
