"""Rules by which a campaign repeats: made from a form, kept as RRULE text, said in words.

A rule speaks of wall clocks ("Mondays at 9:00"): its occurrences are naive times, and become
moments by the zone alone, so that 9:00 stays 9:00 when the clocks change. RFC 5545 is the form
they are kept in; only rules of this module's making are read.
"""

import calendar
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Literal, get_args

from dateutil.rrule import rrule, rrulestr

from campaigns import formatting

Frequency = Literal["daily", "weekly", "monthly"]
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}
MOST_INTERVAL = 52
MOST_COUNT = 1000
SHORTEST_MONTH = 28


class RepeatError(ValueError):
    """That is no rule to repeat by; the message says why."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A rule. Weekdays count from 0, Monday.

    Monthly it is either a day of the month (`month_day`, 1 to 31; the last day of a shorter
    month stands in) or the `nth` of one weekday. `until` is the last day on which it may
    happen, `count` how often it may; neither: until somebody ends it.
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
            raise RepeatError("It repeats by day, week or month.")
        if not 1 <= self.interval <= MOST_INTERVAL:
            raise RepeatError(f"Repeat every 1 to {MOST_INTERVAL} days, weeks or months.")
        if self.frequency == "weekly" and not self.weekdays:
            raise RepeatError("Choose at least one day of the week.")
        if any(day not in range(7) for day in self.weekdays):
            raise RepeatError("That is no day of the week.")
        if self.frequency == "monthly" and not self._is_monthly():
            raise RepeatError("Choose a day of the month, or the first Monday or the like.")
        if self.until is not None and self.count:
            raise RepeatError("It ends on a day or after so many times, not both.")
        if not 0 <= self.count <= MOST_COUNT:
            raise RepeatError(f"It can repeat 1 to {MOST_COUNT} times.")

    def _is_monthly(self) -> bool:
        is_by_day = 1 <= self.month_day <= 31 and not self.nth
        return is_by_day or (self.nth in NTH and len(self.weekdays) == 1 and not self.month_day)


def rule_text(repeat: Repeat) -> str:
    """The rule as RRULE text: `FREQ=WEEKLY;BYDAY=MO,TH`."""
    parts = [f"FREQ={repeat.frequency.upper()}"]
    if repeat.interval > 1:
        parts.append(f"INTERVAL={repeat.interval}")
    parts += _by(repeat)
    if repeat.until is not None:
        parts.append(f"UNTIL={repeat.until:%Y%m%d}T235959")
    if repeat.count:
        parts.append(f"COUNT={repeat.count}")
    return ";".join(parts)


def _by(repeat: Repeat) -> list[str]:
    days = sorted(repeat.weekdays)
    if repeat.frequency == "weekly":
        return ["BYDAY=" + ",".join(WEEKDAYS[day] for day in days)]
    if repeat.frequency == "monthly" and repeat.nth:
        return [f"BYDAY={repeat.nth}{WEEKDAYS[days[0]]}"]
    if repeat.frequency == "monthly" and repeat.month_day > SHORTEST_MONTH:
        # The last of these that a month has: no month is left out because it is short.
        possible = range(SHORTEST_MONTH, repeat.month_day + 1)
        return ["BYMONTHDAY=" + ",".join(map(str, possible)), "BYSETPOS=-1"]
    if repeat.frequency == "monthly":
        return [f"BYMONTHDAY={repeat.month_day}"]
    return []


def read_rule(text: str) -> Repeat:
    """The other way round. Raises RepeatError for what `rule_text` never writes."""
    try:
        parts = dict(part.split("=", 1) for part in text.split(";"))
        repeat = Repeat(
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
        raise RepeatError(f"This rule cannot be read: {text[:100]}") from error
    if rule_text(repeat) != text:
        raise RepeatError(f"This rule cannot be read: {text[:100]}")
    return repeat


def _listed(parts: dict[str, str], name: str) -> list[str]:
    return [part for part in parts.get(name, "").split(",") if part]


def _until(parts: dict[str, str]) -> dt.date | None:
    text = parts.get("UNTIL")
    return datetime.strptime(text, "%Y%m%dT%H%M%S").date() if text else None  # noqa: DTZ007


@lru_cache(maxsize=256)
def _rule(text: str, first: datetime) -> rrule:
    rule = rrulestr(text, dtstart=first, cache=True)
    if not isinstance(rule, rrule):
        raise RepeatError(f"This rule cannot be read: {text[:100]}")
    return rule


def occurrences(text: str, first: datetime, *, after: datetime | None = None) -> Iterator[datetime]:
    """The naive times at which it happens, from `first` on or after that moment, in order.

    May go on for ever: take what you need.
    """
    rule = _rule(text, first)
    return iter(rule) if after is None else rule.xafter(after, inc=False)


def next_after(text: str, first: datetime, after: datetime) -> datetime | None:
    """The next one; None when that was the last."""
    return next(occurrences(text, first, after=after), None)


def first_from(text: str, day: datetime) -> datetime | None:
    """The first time the rule holds, on or after this day and at its time."""
    return next(occurrences(text, day), None)


def describe(repeat: Repeat) -> str:
    """`every Monday and Thursday`, `on the last Friday of every month, until 3 May 2027`."""
    words = {"daily": _daily, "weekly": _weekly, "monthly": _monthly}[repeat.frequency](repeat)
    if repeat.until is not None:
        return f"{words}, until {formatting.full_date(repeat.until, formatting.DEFAULT_LOCALE)}"
    if repeat.count:
        return f"{words}, {repeat.count} times in all" if repeat.count > 1 else f"{words}, once"
    return words


def _daily(repeat: Repeat) -> str:
    return "every day" if repeat.interval == 1 else f"every {repeat.interval} days"


def _weekly(repeat: Repeat) -> str:
    days = sorted(repeat.weekdays)
    if repeat.interval == 1 and days == [0, 1, 2, 3, 4]:
        return "every weekday"
    if repeat.interval == 1 and len(days) == 7:
        return "every day"
    names = _and([calendar.day_name[day] for day in days])
    if repeat.interval == 1:
        return f"every {names}"
    return f"every {repeat.interval} weeks on {names}"


def _monthly(repeat: Repeat) -> str:
    if repeat.nth:
        day = f"the {NTH[repeat.nth]} {calendar.day_name[repeat.weekdays[0]]}"
    elif repeat.month_day == 31:
        day = "the last day"
    else:
        day = f"day {repeat.month_day}"
    month = "every month" if repeat.interval == 1 else f"every {repeat.interval} months"
    if repeat.interval > 1:
        return f"{month} on {day}"
    short = repeat.month_day in (29, 30)
    return f"on {day} of {month}" + (" (the last day of shorter ones)" if short else "")


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def upcoming(text: str, first: datetime, *, after: datetime | None, most: int) -> list[datetime]:
    """The next few."""
    return list(islice(occurrences(text, first, after=after), most))
