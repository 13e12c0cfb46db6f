"""Values of `Subscriber.attributes` in SQL, typed, and the same values in Python.

A value of another type than its field's, which only a change of type can leave behind, counts as no
value. No condition is ever NULL.

PostgreSQL reads its parsed JSON. SQLite would parse the text of each row, which takes most of the
time of a count and does not get faster in several threads. As attributes are written in one form
(`db._dump_json`: no spaces, quotes inside texts escaped) and names are plain, `"city":` can only be
the name of an entry, so SQLite searches the text (docs/decisions/0019).
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from campaigns.audience.models import Subscriber
from campaigns.audience.segments.leaves import Condition
from campaigns.db import is_postgresql

Text = sa.ColumnElement[str]
KEY = re.compile(r"[a-z0-9_]+")
"""Names of attributes, as `subscribers.attribute_name` makes them."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_GLOB = '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"'
_MOST_SEARCHES = 2
"""Number of texts that SQLite searches for one by one; a list is compared by length."""
_MOST_LENGTHS = 8
_NUMBER_LENGTH = 25


# --- In SQL


def has_entry(key: str) -> Condition:
    """Return the condition that there is an entry of this name."""
    if is_postgresql():
        return sa.func.jsonb_exists(Subscriber.attributes, key, type_=sa.Boolean())
    return _contains(f'"{key}":')


def has_text(key: str) -> Condition:
    """Return the condition that the value is a text, and not an empty one."""
    if is_postgresql():
        return _text_of(key) != ""
    return sa.and_(_contains(f'"{key}":"'), sa.not_(_contains(f'"{key}":""')))


def is_text_among(key: str, texts: Sequence[str]) -> Condition:
    """Return the condition that the text is exactly one of these."""
    if is_postgresql():
        return among(_text_of(key), tuple(texts))
    if len(texts) <= _MOST_SEARCHES:
        return sa.or_(*(_contains(f'"{key}":{_json(one)}') for one in texts))
    return _is_written_as(key, texts, lambda text: text)


def text_matches(op: str, key: str, texts: Sequence[str]) -> Condition:
    """Return the condition that the text is, contains, starts_with or ends_with one of these.

    The ASCII letters of `texts` are in lower case, and those of values in any.
    """
    if is_postgresql():
        return lower_matches(op, ascii_lower(_text_of(key)), texts)
    if op == "is" and len(texts) > _MOST_SEARCHES:
        return _is_written_as(key, texts, ascii_lower)
    before = "%" if op in {"contains", "ends_with"} else ""
    after = "" if op in {"contains", "starts_with"} else '"'
    found = sa.or_(
        *(_stored().like(f'%"{key}":"{before}{_like(one)}{after}%', escape="/") for one in texts)
    )
    # A part may also be found in a later entry, so look again in the value alone.
    again = lower_matches(op, ascii_lower(_text_of(key)), texts) if before else None
    return found if again is None else sa.and_(found, again)


def lower_matches(op: str, text: Text, texts: Sequence[str]) -> Condition:
    """Compare a text in lower case, as `text_matches` does."""
    if op == "is":
        return among(text, tuple(texts))
    tests: dict[str, Callable[..., Condition]] = {
        "contains": text.contains,
        "starts_with": text.startswith,
        "ends_with": text.endswith,
    }
    return sa.or_(*(tests[op](one, autoescape=True) for one in texts))


def has_date(key: str) -> Condition:
    """Return the condition that the value is a date."""
    return date_where(key, lambda text: text.is_not(None))


def date_where(key: str, test: Callable[[Text], Condition]) -> Condition:
    """Return the condition that the value is an ISO date that passes a test of its text."""
    if is_postgresql():
        text = _text_of(key)
        return _never_null(test(text), text.regexp_match(f"^{_DATE.pattern}$"))
    start = _start(f'"{key}":"')
    is_date = sa.func.substr(_stored(), start, 11).op("GLOB", return_type=sa.Boolean())(_DATE_GLOB)
    return _never_null(test(sa.func.substr(_stored(), start, 10)), is_date)


def has_number(key: str) -> Condition:
    """Return the condition that the value is a number."""
    return number_where(key, lambda number: number.is_not(None))


def number_where(key: str, test: Callable[[sa.ColumnElement[float]], Condition]) -> Condition:
    """Return the condition that the value is a number that passes a test."""
    if is_postgresql():
        is_number = _type_of(key) == "number"
        guarded = sa.case((is_number, sa.cast(_entry_text(key), sa.Double())), else_=None)
        return _never_null(test(guarded), is_number)
    start = _start(f'"{key}":')
    text = sa.func.substr(_stored(), start, _NUMBER_LENGTH)
    number: sa.ColumnElement[float] = sa.cast(text, sa.REAL())
    # Anything but a number begins with a quote, a bracket or a letter.
    return _never_null(test(number), sa.func.substr(_stored(), start, 1).between("-", "9"))


def is_answer(key: str, answer: bool) -> Condition:
    """Return the condition that the value is true, or is false."""
    if is_postgresql():
        return sa.and_(_type_of(key) == "boolean", _entry_text(key) == str(answer).lower())
    return _contains(f'"{key}":{str(answer).lower()}')


def has_answer(key: str) -> Condition:
    """Return the condition that the value is true or false."""
    return sa.or_(is_answer(key, True), is_answer(key, False))


def has_options(key: str) -> Condition:
    """Return the condition that options are chosen."""
    if is_postgresql():
        return _chosen(key) > 0
    return sa.and_(_contains(f'"{key}":['), sa.not_(_contains(f'"{key}":[]')))


def has_option_of(key: str, options: Sequence[str]) -> Condition:
    """Return the condition that at least one of these options is chosen."""
    return sa.and_(_may_have_one(key, options), _chosen(key, tuple(options)) > 0)


def has_every_option(key: str, options: Sequence[str]) -> Condition:
    """Return the condition that all of these options are chosen."""
    return sa.and_(
        *(_may_have_one(key, [one]) for one in options[:_MOST_SEARCHES]),
        _chosen(key, tuple(options)) == len(set(options)),
    )


def _may_have_one(key: str, options: Sequence[str]) -> Condition:
    """Return a condition that most of those without these options do not meet."""
    if is_postgresql():
        return sa.true()
    if len(options) > _MOST_SEARCHES:
        return _contains(f'"{key}":[')
    patterns = (f'%"{key}":[%{_like(one)}"%' for one in options)
    return sa.or_(*(_stored().like(pattern, escape="/") for pattern in patterns))


def _chosen(key: str, options: tuple[str, ...] | None = None) -> sa.ColumnElement[int]:
    """Return how many different options (of these) are chosen."""
    is_list = _type_of(key) == "array"
    if is_postgresql():
        entries = sa.case((is_list, _entry(key)), else_=sa.text("'[]'::jsonb"))
        entry = sa.func.jsonb_array_elements_text(entries).table_valued("value").c.value
    else:
        entries = sa.case((is_list, _entry_text(key)), else_="[]")
        entry = sa.func.json_each(entries).table_valued("value").c.value
    count = sa.select(sa.func.count(sa.distinct(entry)))
    if options is not None:
        count = count.where(among(entry, options))
    return count.correlate(Subscriber.__table__).scalar_subquery()


def _never_null(passes: Condition, is_typed: Condition) -> Condition:
    """Return "passes, and is of the type". Without a value, `passes` may be NULL."""
    return sa.case((passes, is_typed), else_=sa.false())


# --- The stored JSON


def _text_of(key: str) -> Text:
    """Return a text; "" without a value."""
    is_text = _type_of(key) == ("string" if is_postgresql() else "text")
    return sa.case((is_text, _entry_text(key)), else_="")


def _type_of(key: str) -> Text:
    """Return the database's name of the JSON type; "" without an entry."""
    if is_postgresql():
        found = sa.func.jsonb_typeof(_entry(key))
    else:
        found = sa.func.json_type(Subscriber.attributes, f"$.{key}")
    return sa.func.coalesce(found, "")


def _entry(key: str) -> sa.ColumnElement[Any]:
    found: sa.ColumnElement[Any] = Subscriber.attributes.op("->", return_type=postgresql.JSONB())(
        sa.literal(key, sa.Text())
    )
    return found


def _entry_text(key: str) -> Text:
    """Return the entry as text; NULL without one."""
    if is_postgresql():
        text: Text = Subscriber.attributes.op("->>", return_type=sa.Text())(
            sa.literal(key, sa.Text())
        )
        return text
    return sa.func.json_extract(Subscriber.attributes, f"$.{key}", type_=sa.Text())


def _stored() -> Text:
    """Return the JSON as text, which only SQLite stores."""
    return sa.type_coerce(Subscriber.attributes, sa.Text())


def _contains(text: str) -> Condition:
    return sa.func.instr(_stored(), text) > 0


def _start(needle: str) -> sa.ColumnElement[int]:
    """Return where the text after this one starts; NULL if it is not there."""
    return sa.func.nullif(sa.func.instr(_stored(), needle), 0) + len(needle)


def _is_written_as(key: str, texts: Sequence[str], folded: Callable[[Text], Text]) -> Condition:
    """Return the condition that the text is one of these, of which there may be many.

    Compares the stored text after the name, including the closing quote, by length.
    """
    by_length = defaultdict(list)
    for one in texts:
        written = _json(one)[1:]
        by_length[len(written)].append(written)
    if len(by_length) > _MOST_LENGTHS:
        return among(folded(_text_of(key)), tuple(texts))
    start = _start(f'"{key}":"')
    found = sa.or_(
        *(
            among(folded(sa.func.substr(_stored(), start, length)), tuple(written))
            for length, written in by_length.items()
        )
    )
    return sa.func.coalesce(found, sa.false(), type_=sa.Boolean())


def _json(text: str) -> str:
    """Return a text as attributes contain it."""
    return json.dumps(text, ensure_ascii=False)


def _like(text: str) -> str:
    """Return a text as attributes contain it, without quotes, escaped for LIKE."""
    return re.sub(r"([/%_])", r"/\1", _json(text)[1:-1])


def ascii_lower(text: sa.ColumnElement[str]) -> Text:
    """Return text in lower case, except for letters beyond ASCII, which SQLite does not know."""
    return sa.func.lower(sa.collate(text, "C") if is_postgresql() else text)


def among(expression: sa.SQLColumnExpression[Any], values: tuple[Any, ...]) -> Condition:
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
