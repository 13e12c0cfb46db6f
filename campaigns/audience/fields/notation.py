"""How the dates and numbers of a column are written, chosen or detected.

5/6/1980 and 1.234 can be read in two ways. The column decides: if some of its values fit only one
way, all are read that way. If every value fits both, someone must choose.

Numbers: spaces and apostrophes separate groups of three digits ("1 234"). If both point and comma
occur, the last one is the decimal sign ("1.234,5"). A sign that occurs twice separates groups. A
single one before anything but three digits is the decimal sign ("1,50").

Dates: 1980-05-31 has one reading, and so has 31.05.1980, since wherever people write dates with
points, the day comes first. With slashes or hyphens, the order must be known, or evident from a
number above 12.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

DateOrder = Literal["", "day_first", "month_first"]
DecimalSign = Literal["", "comma", "point"]
DATE_ORDERS: tuple[DateOrder, ...] = ("day_first", "month_first")
DECIMAL_SIGNS: tuple[DecimalSign, ...] = ("point", "comma")


@dataclass(frozen=True, slots=True)
class Notation:
    """The reading of a column. Empty: unknown, so values with two readings are refused."""

    dates: DateOrder = ""
    numbers: DecimalSign = ""


UNKNOWN = Notation()


class AmbiguousError(ValueError):
    """The value has two readings, and the notation is unknown."""


# --- Numbers

_SPACES = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'’](?=\d{3}(?!\d))")
_WHOLE = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_GROUPED = {
    sign: re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+", re.ASCII) for sign in ".,"
}
_SIGNS: dict[str, DecimalSign] = {".": "point", ",": "comma"}
_MAX_DIGITS = 40


def read_number(text: str, sign: DecimalSign = "") -> Decimal:
    """Return the number. Raises AmbiguousError, or ValueError for anything else."""
    plain = _SPACES.sub("", text.strip().replace("\u2212", "-"))
    if len(plain) > _MAX_DIGITS:
        raise ValueError(plain)
    if _WHOLE.fullmatch(plain):
        return Decimal(plain)
    decimal = _decimal_sign(plain)
    if not decimal:
        if not sign:
            raise AmbiguousError(text)
        decimal = "." if sign == "point" else ","
    whole, _, fraction = plain.partition(decimal)
    group = "," if decimal == "." else "."
    if group in whole:
        if not _GROUPED[group].fullmatch(whole):
            raise ValueError(text)
        whole = whole.replace(group, "")
    if not re.fullmatch(r"[+-]?\d*", whole, re.ASCII) or not re.fullmatch(
        r"\d*", fraction, re.ASCII
    ):
        raise ValueError(text)
    if not (whole.strip("+-") or fraction):
        raise ValueError(text)
    return Decimal(f"{whole}.{fraction}" if fraction else whole)


def _decimal_sign(plain: str) -> str:
    """Return the sign that starts the fraction, "" if both readings are possible."""
    points, commas = plain.count("."), plain.count(",")
    if points and commas:
        return "." if plain.rfind(".") > plain.rfind(",") else ","
    sign = "." if points else ","
    other = "," if points else "."
    if points + commas > 1:
        return other  # 1.234.567: it separates groups
    is_group = _GROUPED[sign].fullmatch(plain) and not plain.lstrip("+-").startswith("0")
    return "" if is_group else sign


def _sign_shown_by(text: str) -> DecimalSign | None:
    """Return the decimal sign that a number proves, "" if it fits both, None if it says nothing."""
    plain = _SPACES.sub("", text.strip())
    if not re.search(r"[.,]", plain):
        return None
    try:
        read_number(plain)
    except AmbiguousError:
        return ""
    except ValueError:
        return None
    return _SIGNS[_decimal_sign(plain)]


# --- Dates

_YEAR_FIRST = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ]\d{1,2}:\d{2}.{0,20})?", re.ASCII
)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:,? \d{1,2}:\d{2}.{0,12})?", re.ASCII)


def read_date(text: str, order: DateOrder = "") -> date:
    """Return the date. Raises AmbiguousError, or ValueError for anything else."""
    text = text.strip()
    if found := _YEAR_FIRST.fullmatch(text):
        return date(int(found[1]), int(found[3]), int(found[4]))
    found = _YEAR_LAST.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year = int(found[4])
    if found[2] == ".":
        return date(year, int(found[3]), int(found[1]))
    readings = _readings(year, int(found[1]), int(found[3]))
    if order:
        if order not in readings:
            raise ValueError(text)
        return readings[order]
    if not readings:
        raise ValueError(text)
    if len(set(readings.values())) > 1:
        raise AmbiguousError(text)
    return next(iter(readings.values()))


def _readings(year: int, first: int, second: int) -> dict[DateOrder, date]:
    found: dict[DateOrder, date] = {}
    for order, day, month in (("day_first", first, second), ("month_first", second, first)):
        try:
            found[order] = date(year, month, day)  # type: ignore[index]
        except ValueError:
            continue
    return found


def _order_shown_by(text: str) -> DateOrder | None:
    """Return the order that a date proves, "" if it fits both, None if it says nothing."""
    found = _YEAR_LAST.fullmatch(text.strip())
    if found is None or found[2] == ".":
        return None
    readings = _readings(int(found[4]), int(found[1]), int(found[3]))
    if len(readings) == 1:
        return next(iter(readings))
    return "" if len(set(readings.values())) > 1 else None


# --- Columns


@dataclass(frozen=True, slots=True)
class Detected:
    """What the values of a column show. `is_ambiguous`: someone must choose the notation."""

    notation: Notation
    is_ambiguous: bool = False


def detect(type_: str, values: Iterable[str]) -> Detected:
    """Detect the notation of a column of this field type from (some of) its values."""
    if type_ == "date":
        order, is_ambiguous = _only([_order_shown_by(value) for value in values])
        return Detected(Notation(dates=order), is_ambiguous)  # type: ignore[arg-type]
    if type_ == "number":
        sign, is_ambiguous = _only([_sign_shown_by(value) for value in values])
        return Detected(Notation(numbers=sign), is_ambiguous)  # type: ignore[arg-type]
    return Detected(UNKNOWN)


def _only(shown: list[str] | list[DateOrder | None] | list[DecimalSign | None]) -> tuple[str, bool]:
    """Return the one reading that is proved, and whether someone must choose instead."""
    proved = {one for one in shown if one}
    if len(proved) == 1:
        return str(proved.pop()), False
    return "", len(proved) > 1 or "" in shown
