"""The filters and tests that templates may use, with limits on every argument.

Jinja's own filters do not limit memory and time, so these replace them.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Undefined
from markupsafe import Markup, escape

from campaigns.content.templating.limits import (
    MAX_ITEMS,
    MAX_NUMBER,
    MAX_VALUE,
    LimitError,
    checked_text,
    tick,
)
from campaigns.content.templating.merge_fields import Shown, ShownAnswer, text_of

Number = int | float

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


_DIRECTIVE = re.compile(r"%(-?[aAbBdeHIjmMpSyYZz%])?")


def _date(value: object, form: object = "%d %B %Y") -> str:
    """Format a date, or text such as 2026-11-20 or 2026-11-20T13:00:00."""
    wanted = as_text(form)
    # Directives with a width, such as %999999d, would fill the memory.
    if len(wanted) > 64 or any(found[1] is None for found in _DIRECTIVE.finditer(wanted)):
        raise LimitError("template.bad_date_format", example='date("%d %B %Y")')
    if isinstance(value, str):
        text = value
        try:
            value = datetime.fromisoformat(text.strip())
        except ValueError:
            return text
    if isinstance(value, date):
        return value.strftime(wanted)
    return as_text(value)


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
        ("date", _date),
    )
    for name in names.split()
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
