"""Values of `Subscriber.attributes` in SQL, typed, and the same values in Python.

A value of another type than its field's, which only a change of type can leave behind, counts as no
value. No expression is ever NULL: a person without a value has "" or an empty list.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from campaigns.audience.models import Subscriber
from campaigns.audience.segments.leaves import Condition
from campaigns.db import is_postgresql

Text = sa.ColumnElement[str]
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_GLOB = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"


# --- In SQL


def text_of(key: str) -> Text:
    """Return a text; "" without a value."""
    return sa.case((_type_of(key) == _named("string", "text"), _text(key)), else_="")


def date_of(key: str) -> Text:
    """Return a date as ISO text; "" without a value."""
    if is_postgresql():
        is_date = _text(key).regexp_match(f"^{_DATE.pattern}$")
    else:
        is_date = _text(key).op("GLOB")(_DATE_GLOB)
    return sa.case((_type_of(key) != _named("string", "text"), ""), (is_date, _text(key)), else_="")


def number_of(key: str) -> sa.ColumnElement[float | None]:
    """Return a number; NULL without a value, so only for use with `has_number`."""
    return sa.case((has_number(key), sa.cast(_text(key), sa.Double())), else_=None)


def has_number(key: str) -> Condition:
    """Return the condition that the value is a number."""
    names = ("number",) if is_postgresql() else ("integer", "real")
    return _type_of(key).in_(names)


def is_answer(key: str, answer: bool) -> Condition:
    """Return the condition that the value is true, or is false."""
    if is_postgresql():
        return sa.and_(_type_of(key) == "boolean", _text(key) == str(answer).lower())
    return _type_of(key) == str(answer).lower()


def has_answer(key: str) -> Condition:
    """Return the condition that the value is true or false."""
    return sa.or_(is_answer(key, True), is_answer(key, False))


def has_options(key: str) -> Condition:
    """Return the condition that options are chosen."""
    return _chosen(key) > 0


def has_option_of(key: str, options: tuple[str, ...]) -> Condition:
    """Return the condition that at least one of these options is chosen."""
    return _chosen(key, options) > 0


def has_every_option(key: str, options: tuple[str, ...]) -> Condition:
    """Return the condition that all of these options are chosen."""
    return _chosen(key, options) == len(set(options))


def _chosen(key: str, options: tuple[str, ...] | None = None) -> sa.ColumnElement[int]:
    """Return how many different options (of these) are chosen."""
    if is_postgresql():
        is_list = _type_of(key) == "array"
        entries = sa.case((is_list, _entry(key)), else_=sa.text("'[]'::jsonb"))
        entry = sa.func.jsonb_array_elements_text(entries).table_valued("value").c.value
    else:
        each = sa.func.json_each(
            sa.case((_type_of(key) == "array", _text(key)), else_="[]")
        ).table_valued("value")
        entry = each.c.value
    count = sa.select(sa.func.count(sa.distinct(entry)))
    if options is not None:
        count = count.where(among(entry, options))
    return count.correlate(Subscriber.__table__).scalar_subquery()


def _type_of(key: str) -> Text:
    """Return the name of the JSON type; "" without an entry."""
    if is_postgresql():
        found = sa.func.jsonb_typeof(_entry(key))
    else:
        found = sa.func.json_type(Subscriber.attributes, _path(key))
    return sa.func.coalesce(found, "")


def _entry(key: str) -> sa.ColumnElement[Any]:
    return sa.func.jsonb_extract_path(Subscriber.attributes, key, type_=postgresql.JSONB())


def _text(key: str) -> Text:
    """Return the entry as text; NULL without one."""
    if is_postgresql():
        return sa.func.jsonb_extract_path_text(Subscriber.attributes, key, type_=sa.Text())
    return sa.func.json_extract(Subscriber.attributes, _path(key), type_=sa.Text())


def _path(key: str) -> str:
    return f'$."{key}"'


def _named(postgresql_name: str, sqlite_name: str) -> str:
    return postgresql_name if is_postgresql() else sqlite_name


def ascii_lower(text: sa.ColumnElement[str]) -> Text:
    """Return text in lower case, except for letters beyond ASCII, which SQLite does not know."""
    return sa.func.lower(sa.collate(text, "C") if is_postgresql() else text)


def among(expression: sa.ColumnElement[Any], values: tuple[Any, ...]) -> Condition:
    """Return the condition that a value is one of these, passed as one parameter."""
    found: Condition
    if len(values) == 1:
        found = expression == values[0]
    elif is_postgresql():
        found = expression == sa.any_(sa.cast(list(values), postgresql.ARRAY(_type(values))))
    else:
        each = sa.func.json_each(json.dumps(values, ensure_ascii=False)).table_valued("value")
        found = expression.in_(sa.select(each.c.value))
    return found


def _type(values: tuple[Any, ...]) -> sa.types.TypeEngine[Any]:
    if any(isinstance(one, float) for one in values):
        return sa.Double()
    return sa.BigInteger() if isinstance(values[0], int) else sa.Text()


# --- In Python


def text_in(attributes: Mapping[str, Any], key: str) -> str:
    """Return a text; "" without a value."""
    value = attributes.get(key)
    return value if isinstance(value, str) else ""


def date_in(attributes: Mapping[str, Any], key: str) -> str:
    """Return a date as ISO text; "" without a value."""
    text = text_in(attributes, key)
    return text if _DATE.fullmatch(text) else ""


def number_in(attributes: Mapping[str, Any], key: str) -> float | None:
    """Return a number; None without a value."""
    value = attributes.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]


def answer_in(attributes: Mapping[str, Any], key: str) -> bool | None:
    """Return true or false; None without a value."""
    value = attributes.get(key)
    return value if isinstance(value, bool) else None


def options_in(attributes: Mapping[str, Any], key: str) -> frozenset[str]:
    """Return the chosen options."""
    value = attributes.get(key)
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()
