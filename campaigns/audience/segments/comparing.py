"""Comparisons of texts and dates that several kinds of rules share, in SQL and in Python.

Texts are compared without regard to case. SQLite folds ASCII only, so other letters are also tried
in the lower, upper and title case of what was typed.
"""

import string
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic import AfterValidator

from campaigns.audience.segments.leaves import Condition, Context
from campaigns.audience.segments.values import ascii_lower, lower_matches
from campaigns.inputs import one_line
from campaigns.reason import ReasonError

MAX_VALUES = 1_000
MAX_PARTS = 50
"""Number of texts that one rule searches for inside a value."""
MAX_TEXT = 2_000
MAX_DAYS = 36_500
MAX_ANNIVERSARY_DAYS = 366
FIRST_YEAR, LAST_YEAR = 1900, 2999
"""Years allowed for times, which need room to be converted between zones."""

TextOp = Literal[
    "is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "has_value", "no_value"
]
TEXT_OPS = (
    "is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "has_value", "no_value"
)  # fmt: skip
MOMENT_OPS = (
    "on", "before", "after", "between", "in_last_days", "not_in_last_days", "in_next_days"
)  # fmt: skip
DATE_OPS = (*MOMENT_OPS, "anniversary_in_days", "has_value", "no_value")
WITHOUT_VALUE = frozenset({"has_value", "no_value", "is_true", "is_false"})
IN_DAYS = frozenset({"in_last_days", "not_in_last_days", "in_next_days", "anniversary_in_days"})
OPPOSITES = {
    "is_not": "is",
    "not_contains": "contains",
    "no_value": "has_value",
    "not_in_last_days": "in_last_days",
    "is_none_of": "is_one_of",
    "has_none": "has_any",
}
"""Negative operators, which hold exactly where their opposite does not: also without a value."""


# --- Checks of typed values


def clean_text(text: str) -> str:
    """Return a typed text on one line. Raises ReasonError if it is blank or too long."""
    text = one_line(text)
    if not text:
        raise ReasonError("segments.blank_value")
    if len(text) > MAX_TEXT:
        raise ReasonError("segments.value_too_long", most=MAX_TEXT)
    return text


CleanText = Annotated[str, AfterValidator(clean_text)]


def _sized(values: tuple[str, ...]) -> tuple[str, ...]:
    check_size(values)
    return tuple(dict.fromkeys(values))


def check_size(values: Sequence[object], *, most: int = MAX_VALUES) -> None:
    """Raise ReasonError unless there is at least one value, and not too many."""
    if not values:
        raise ReasonError("segments.blank_value")
    if len(values) > most:
        raise ReasonError("segments.too_many_values", most=most)


Texts = Annotated[tuple[CleanText, ...], AfterValidator(_sized)]


def check_period(op: str, values: Sequence[object]) -> None:
    """Raise ReasonError unless the values fit an operator about dates."""
    if op in IN_DAYS:
        _check_days(values, most=MAX_ANNIVERSARY_DAYS if op == "anniversary_in_days" else MAX_DAYS)
    elif len(values) != (2 if op == "between" else 1):
        raise ReasonError("segments.not_a_date", value="")
    else:
        for value in values:
            _check_date(value)


def _check_days(values: Sequence[object], *, most: int) -> None:
    match values:
        case [int(days)] if 0 <= days <= most:
            return
    raise ReasonError("segments.bad_days", most=most)


def _check_date(value: object) -> None:
    try:
        is_iso = date.fromisoformat(str(value)).isoformat() == value
    except ValueError:
        is_iso = False
    if not is_iso:
        raise ReasonError("segments.not_a_date", value=str(value)[:40])


# --- Texts


def spellings(text: str) -> tuple[str, ...]:
    """Return the spellings that a text is compared with, their ASCII letters in lower case."""
    usual = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    return tuple(sorted(map(_ascii_lower, usual)))


def all_spellings(values: Sequence[str]) -> tuple[str, ...]:
    """Return the spellings of each text."""
    return tuple(dict.fromkeys(spelling for one in values for spelling in spellings(one)))


_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _ascii_lower(text: str) -> str:
    return text.translate(_LOWER)


def text_condition(op: str, text: sa.ColumnElement[str], values: Sequence[str]) -> Condition:
    """Compare a text, which is "" without a value. The values are alternatives."""
    if op in OPPOSITES:
        return sa.not_(text_condition(OPPOSITES[op], text, values))
    if op == "has_value":
        return text != ""
    return lower_matches(op, ascii_lower(text), all_spellings(values))


def text_holds(op: str, text: str, values: Sequence[str]) -> bool:
    """Compare as `text_condition` does."""
    if op in OPPOSITES:
        return not text_holds(OPPOSITES[op], text, values)
    if op == "has_value":
        return text != ""
    text = _ascii_lower(text)
    tests: dict[str, Callable[[str], bool]] = {
        "is": text.__eq__,
        "contains": text.__contains__,
        "starts_with": text.startswith,
        "ends_with": text.endswith,
    }
    return any(map(tests[op], all_spellings(values)))


# --- Dates


def today(context: Context) -> date:
    """Return the date in the workspace's zone."""
    return context.now.astimezone(context.zone).date()


def date_test(
    op: str, text: sa.ColumnElement[str], values: Sequence[str | int], context: Context
) -> Condition:
    """Compare an ISO date. Not for negative operators, or those about having a value."""
    if op == "anniversary_in_days":
        day = sa.func.substr(text, 6, 5)
        ranges = anniversary_ranges(context, int(values[0]))
        return sa.or_(*(day.between(first, last) for first, last in ranges))
    return text.between(*date_range(op, values, context))


def date_holds(op: str, text: str, values: Sequence[str | int], context: Context) -> bool:
    """Compare as `date_test` does."""
    if op in OPPOSITES:
        return not date_holds(OPPOSITES[op], text, values, context)
    if op == "has_value":
        return text != ""
    if op == "anniversary_in_days":
        return text[5:] in anniversaries(context, int(values[0]))
    first, last = date_range(op, values, context)
    return first <= text <= last


_FIRST, _LAST = "0", ":"
"""Texts before and after all dates."""


def date_range(op: str, values: Sequence[str | int], context: Context) -> tuple[str, str]:
    """Return the first and the last date, as ISO text."""
    now = today(context)
    match op, values:
        case "on", [str(day)]:
            return day, day
        case "between", [str(first), str(last)]:
            return min(first, last), max(first, last)
        case "before", [str(day)]:
            return _FIRST, _shifted(date.fromisoformat(day), -1)
        case "after", [str(day)]:
            return _shifted(date.fromisoformat(day), 1), _LAST
        case "in_last_days", [int(days)]:
            return _shifted(now, -days), now.isoformat()
        case "in_next_days", [int(days)]:
            return now.isoformat(), _shifted(now, days)
    raise ValueError(op)


def _shifted(day: date, days: int) -> str:
    try:
        return (day + timedelta(days=days)).isoformat()
    except OverflowError:
        return _LAST if days > 0 else _FIRST


def anniversaries(context: Context, days: int) -> tuple[str, ...]:
    """Return the days of the year ("05-31") from today to this many days later.

    29 February counts on the 28th in years without it.
    """
    start = today(context)
    found: dict[str, None] = {}
    for offset in range(days + 1):
        day = start + timedelta(days=offset)
        found[f"{day:%m-%d}"] = None
        if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3:
            found["02-29"] = None
    return tuple(found)


def anniversary_ranges(context: Context, days: int) -> list[tuple[str, str]]:
    """Return the same days as ranges: one, or two around the end of a year."""
    found, start = anniversaries(context, days), f"{today(context):%m-%d}"
    parts = ([day for day in found if day >= start], [day for day in found if day < start])
    return [(min(part), max(part)) for part in parts if part]


# --- Times


def moment_condition(
    op: str, moment: sa.SQLColumnExpression[datetime], values: Sequence[str | int], context: Context
) -> Condition:
    """Compare a time that everyone has. Days begin in the workspace's zone."""
    if op in OPPOSITES:
        return sa.not_(moment_condition(OPPOSITES[op], moment, values, context))
    start, end = moment_range(op, values, context)
    return sa.and_(
        moment >= start if start else sa.true(),
        moment < end if end else sa.true(),
    )


def moment_holds(op: str, moment: datetime, values: Sequence[str | int], context: Context) -> bool:
    """Compare as `moment_condition` does."""
    if op in OPPOSITES:
        return not moment_holds(OPPOSITES[op], moment, values, context)
    start, end = moment_range(op, values, context)
    return (start is None or moment >= start) and (end is None or moment < end)


def moment_range(
    op: str, values: Sequence[str | int], context: Context
) -> tuple[datetime | None, datetime | None]:
    """Return when the period starts and ends; None without a limit.

    The last days end now, so they are periods of 24 hours.
    """
    zone = context.zone
    match op, values:
        case "on", [str(day)]:
            return _midnight(day, zone), _midnight(day, zone, later=1)
        case "between", [str(first), str(last)]:
            return (
                _midnight(min(first, last), zone),
                _midnight(max(first, last), zone, later=1),
            )
        case "before", [str(day)]:
            return None, _midnight(day, zone)
        case "after", [str(day)]:
            return _midnight(day, zone, later=1), None
        case "in_last_days", [int(days)]:
            return context.now - timedelta(days=days), None
        case "in_next_days", [int(days)]:
            return context.now, context.now + timedelta(days=days)
    raise ValueError(op)


def check_moments(op: str, values: Sequence[object]) -> None:
    """Raise ReasonError unless the values fit an operator about times."""
    check_period(op, values)
    for one in values:
        if isinstance(one, str) and not FIRST_YEAR <= int(one[:4]) <= LAST_YEAR:
            raise ReasonError("segments.not_a_date", value=one)


def _midnight(day: str, zone: ZoneInfo, later: int = 0) -> datetime:
    shifted = date.fromisoformat(day) + timedelta(days=later)
    return datetime.combine(shifted, time(), zone)
