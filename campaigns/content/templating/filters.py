"""The filters and tests that templates may use, with limits on every argument.

Jinja's own filters do not limit memory and time, so these replace them.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from math import isfinite
from typing import Any
from urllib.parse import quote

from jinja2 import Undefined, pass_context
from markupsafe import Markup, escape

from campaigns import formatting
from campaigns.content.templating.limits import (
    MAX_ITEMS,
    MAX_NUMBER,
    MAX_VALUE,
    LimitError,
    checked_text,
    locale,
    tick,
)
from campaigns.content.templating.merge_fields import Shown, ShownAnswer, text_of

Number = int | float

MAX_DECIMALS = 10
"""Largest number of digits after the point that `number` accepts."""
MAX_TRUNCATE = 10_000
"""Largest length that `truncate` accepts, in characters."""


def is_blank(value: object) -> bool:
    """Return whether a value is missing."""
    return value is None or isinstance(value, Undefined)


class Labels(tuple[str, ...]):
    """A list of names, which can be looped over, and is shown as text joined by commas."""

    __slots__ = ()


def as_text(value: object) -> str:
    """Return a scalar as text, "" for a missing one. Raises LimitError for lists and mappings."""
    if value.__class__ is str and len(value) <= MAX_VALUE:
        return value
    if isinstance(value, Shown):
        return checked_text(text_of(value))
    if isinstance(value, str):
        return checked_text(value)
    if is_blank(value):
        return ""
    if isinstance(value, bool | int | float | date):
        return str(value)
    if isinstance(value, Labels):
        return checked_text(", ".join(value))
    raise LimitError("template.list_as_text")


def as_number(value: object) -> Number | None:
    """Return a number, or parse one from text. None for anything else, and for huge numbers."""
    if isinstance(value, str) and len(value) <= 40:
        text = value.strip()
        try:
            value = int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            return None
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:
        return value
    return None


def _check(value: object) -> None:
    """Check that an argument is a scalar or flat list of limited size."""
    if isinstance(value, str):
        checked_text(value)
    elif isinstance(value, list | tuple):
        if len(value) > MAX_ITEMS:
            raise LimitError("template.list_too_long", most=MAX_ITEMS)
        size = 0
        for item in value:
            if isinstance(item, list | tuple | Mapping):
                raise LimitError("template.nested_list")
            size += len(item) if isinstance(item, str) else 1
        if size > MAX_VALUE:
            raise LimitError("template.list_too_big", kilobytes=MAX_VALUE // 1024)
    elif isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise LimitError("template.number_too_large", most=MAX_NUMBER)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter to check its arguments and result. The filter raises LimitError."""

    def bounded(*args: object, **kwargs: object) -> object:
        tick()
        for value in (*args, *kwargs.values()):
            _check(value)
        result = function(*args, **kwargs)
        if isinstance(result, str):
            checked_text(result)
        return result

    return bounded


def _items(value: object) -> list[Any] | tuple[Any, ...] | str:
    return value if isinstance(value, list | tuple | str) else ()


def _default(value: object, fallback: object = "", boolean: object = False) -> object:
    return fallback if is_blank(value) or (boolean and not value) else value


def _capitalize(value: object) -> str:
    return as_text(value).capitalize()


def _title(value: object) -> str:
    return re.sub(r"[^\s\-(\[]+", lambda word: word[0][:1].upper() + word[0][1:], as_text(value))


def _trim(value: object, chars: object = None) -> str:
    return as_text(value).strip(None if is_blank(chars) else as_text(chars)[:100])


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple | str | Mapping) else 0


def _first(value: object) -> object:
    items = _items(value)
    return items[0] if items else ""


def _last(value: object) -> object:
    items = _items(value)
    return items[-1] if items else ""


def _join(value: object, between: object = "") -> str:
    items, joint = _items(value), as_text(between)
    if len(joint) * len(items) > MAX_VALUE:
        raise LimitError("template.join_too_long", kilobytes=MAX_VALUE // 1024)
    return joint.join(as_text(item) for item in items)


def _int(value: object, fallback: object = 0) -> object:
    number = as_number(value)
    return fallback if number is None else int(number)


def _float(value: object, fallback: object = 0.0) -> object:
    number = as_number(value)
    return fallback if number is None else float(number)


def _round(value: object, precision: object = 0) -> object:
    number, digits = as_number(value), as_number(precision)
    if digits is None or not 0 <= digits <= 10:
        raise LimitError("template.bad_round")
    if number is None:
        return ""
    return round(float(number), int(digits)) if digits else round(number)


def _abs(value: object) -> object:
    number = as_number(value)
    return "" if number is None else abs(number)


def _truncate(value: object, length: object = 255, end: object = "…") -> str:
    count = as_number(length)
    if count is None or not 1 <= count <= MAX_TRUNCATE:
        raise LimitError("template.bad_truncate", most=MAX_TRUNCATE)
    text = as_text(value)
    if len(text) <= count:
        return text
    # Cut at the end of a word if there is one nearby.
    cut = text[: int(count)]
    space = cut.rfind(" ")
    return (cut[:space] if space > count * 0.6 else cut).rstrip() + as_text(end)[:100]


def _escape(value: object) -> Markup:
    return escape(as_text(value))


def _urlencode(value: object) -> str:
    return quote(as_text(value).encode("utf-8", "replace"), safe="")


def _striptags(value: object) -> str:
    text = as_text(value)
    # Markup.striptags takes quadratic time.
    return " ".join(re.sub(r"<[^<>]*>", "", text).split())


DATE_FORMATS: Mapping[str, Callable[[date, str], str]] = {
    "numeric": formatting.numeric_date,
    "medium": formatting.date,
    "long": formatting.full_date,
    "full": formatting.long_date,
    "day": formatting.day_and_month,
    "month": formatting.month,
    "weekday": formatting.weekday,
    "year": formatting.year,
}
"""The named formats of `date`; "time" is one more, for values that have a time."""
_DIRECTIVE = re.compile(r"%(-?[aAbBdeHIjmMpSyYZz%])?")
_PATTERNS = {
    "a": "EEE", "A": "EEEE", "b": "MMM", "B": "MMMM", "d": "dd", "-d": "d", "e": "d", "H": "HH",
    "-H": "H", "I": "hh", "-I": "h", "j": "DDD", "-j": "D", "m": "MM", "-m": "M", "M": "mm",
    "-M": "m", "p": "a", "S": "ss", "-S": "s", "y": "yy", "Y": "yyyy", "Z": "zzz", "z": "Z",
}  # fmt: skip
"""Directives such as %d, and their CLDR patterns."""
KNOWN_TEXTS = 10_000
"""Number of dates, numbers and amounts whose text is remembered, for each filter."""


def _date(value: object, form: object = "long") -> str:
    """Write a date, or text such as 2026-11-20 or 2026-11-20T13:00, in the recipient's language.

    `form`: a named format, or directives such as "%d %B %Y".
    """
    wanted = as_text(form)
    if wanted not in DATE_FORMATS and wanted != "time":
        # Directives with a width, such as %999999d, would fill the memory.
        found = list(_DIRECTIVE.finditer(wanted))
        if len(wanted) > 64 or not found or any(one[1] is None for one in found):
            raise LimitError("template.bad_date_format", example='date("long")')
    if isinstance(value, str):
        written = str.__str__(value).strip()
        try:
            kind = date if len(written) == len("2026-11-20") else datetime
            value = kind.fromisoformat(written)
        except ValueError:
            return as_text(value)
    if isinstance(value, date):
        return _date_text(value, wanted, locale())
    return as_text(value)


@lru_cache(KNOWN_TEXTS)
def _date_text(value: date, wanted: str, language: str) -> str:
    if wanted in DATE_FORMATS:
        return DATE_FORMATS[wanted](value, language)
    if wanted == "time":
        return formatting.time(value, language) if isinstance(value, datetime) else ""
    return formatting.by_pattern(value, _pattern(wanted), language)


def _pattern(directives: str) -> str:
    """Return directives such as "%d. %B" as a pattern of CLDR."""
    pattern = ""
    literal = ""
    end = 0
    for found in _DIRECTIVE.finditer(directives):
        literal += directives[end : found.start()]
        end = found.end()
        name = found[1]
        if name.endswith("%"):
            literal += "%"
        else:
            pattern += _quoted(literal) + (_PATTERNS.get(name) or _PATTERNS[name[1:]])
            literal = ""
    return pattern + _quoted(literal + directives[end:])


def _quoted(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'" if literal else ""


def _number(value: object, decimals: object = None) -> str:
    """Write a number with the separators of the recipient's language."""
    digits = None if is_blank(decimals) else as_number(decimals)
    if digits is not None and not 0 <= digits <= MAX_DECIMALS:
        raise LimitError("template.bad_decimals", most=MAX_DECIMALS)
    number = as_number(value)
    if number is None or not isfinite(number):
        return as_text(value)
    return _number_text(number + 0, None if digits is None else int(digits), locale())


@lru_cache(KNOWN_TEXTS)
def _number_text(number: Number, digits: int | None, language: str) -> str:
    if digits is None:
        return formatting.exact_number(number, language)
    return formatting.decimals(number, digits, language)


def _money(value: object, currency: object = "") -> str:
    """Write an amount of money in the recipient's language. `currency`: a code such as "EUR"."""
    code = as_text(currency)
    if not formatting.is_currency(code):
        raise LimitError("template.unknown_currency", currency=code[:20])
    number = as_number(value)
    if number is None or not isfinite(number):
        return as_text(value)
    return _money_text(number + 0, code, locale())


@lru_cache(KNOWN_TEXTS)
def _money_text(number: Number, currency: str, language: str) -> str:
    return formatting.money(number, currency, language)


def _in_language(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter so that Jinja does not calculate it at compile time, in one language."""

    @pass_context
    def in_language(context: object, *args: object, **kwargs: object) -> object:
        return function(*args, **kwargs)

    return in_language


FILTERS: dict[str, Callable[..., Any]] = {
    name: checked(function)
    for names, function in (
        ("default d", _default),
        ("upper", lambda value: as_text(value).upper()),
        ("lower", lambda value: as_text(value).lower()),
        ("capitalize", _capitalize),
        ("title", _title),
        ("trim", _trim),
        ("length count", _length),
        ("first", _first),
        ("last", _last),
        ("join", _join),
        ("int", _int),
        ("float", _float),
        ("round", _round),
        ("abs", _abs),
        ("truncate", _truncate),
        ("escape e", _escape),
        ("urlencode", _urlencode),
        ("striptags", _striptags),
    )
    for name in names.split()
} | {
    name: _in_language(checked(function))
    for name, function in (("date", _date), ("number", _number), ("money", _money))
}


def compare(left: object, operator: str, right: object) -> bool:
    """Compare without errors. Attributes from a file are text, including numbers."""
    if operator in {"in", "notin"}:
        return _is_in(left, right) == (operator == "in")
    if isinstance(left, str) != isinstance(right, str):
        numbers = as_number(left), as_number(right)
        if numbers[0] is not None and numbers[1] is not None:
            left, right = numbers
    if operator == "eq":
        return bool(left == right)
    if operator == "ne":
        return bool(left != right)
    ordered = next((kind for kind in ((int, float), str) if isinstance(left, kind)), type(left))
    if not isinstance(left, int | float | str | date) or not isinstance(right, ordered):
        return False
    try:
        return bool(_ORDER[operator](left, right))
    except TypeError:  # a date with a zone and one without
        return False


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "lt": lambda left, right: left < right,
    "lteq": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gteq": lambda left, right: left >= right,
}


def _is_in(item: object, holder: object) -> bool:
    if isinstance(holder, str):
        return isinstance(item, str | int | float) and as_text(item) in holder
    return isinstance(holder, list | tuple) and item in holder


def _is_whole(value: object, divisor: int, rest: int) -> bool:
    return isinstance(value, int) and abs(value) <= MAX_NUMBER and value % divisor == rest


def _divisible(value: object, divisor: object) -> bool:
    return isinstance(divisor, int) and divisor != 0 and _is_whole(value, divisor, 0)


_ANSWERS = (bool, ShownAnswer)

TESTS: dict[str, Callable[..., bool]] = {
    "defined": lambda value: not isinstance(value, Undefined),
    "undefined": lambda value: isinstance(value, Undefined),
    "none": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, _ANSWERS),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, _ANSWERS),
    "true": lambda value: isinstance(value, _ANSWERS) and bool(value),
    "false": lambda value: isinstance(value, _ANSWERS) and not value,
    "odd": lambda value: _is_whole(value, 2, 1),
    "even": lambda value: _is_whole(value, 2, 0),
    "divisibleby": _divisible,
    "eq": lambda left, right: compare(left, "eq", right),
    "equalto": lambda left, right: compare(left, "eq", right),
    "ne": lambda left, right: compare(left, "ne", right),
    "lt": lambda left, right: compare(left, "lt", right),
    "le": lambda left, right: compare(left, "lteq", right),
    "gt": lambda left, right: compare(left, "gt", right),
    "ge": lambda left, right: compare(left, "gteq", right),
    "in": _is_in,
}
