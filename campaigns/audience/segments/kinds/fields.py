"""Rules about the values of custom fields, and of attributes without a field, which are text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import sqlalchemy as sa
from pydantic import AfterValidator, Field, model_validator

from campaigns.audience.models import Subscriber
from campaigns.audience.segments import comparing, values
from campaigns.audience.segments.comparing import DATE_OPS, OPPOSITES, TEXT_OPS, WITHOUT_VALUE
from campaigns.audience.segments.leaves import Condition, Context, Leaf, LeafKind, Use, register
from campaigns.audience.segments.values import among
from campaigns.db import db
from campaigns.reason import ReasonError

MAX_KEY = 200
MAX_NUMBER = 10**15
_VALUE = ("has_value", "no_value")
_NUMBER_OPS = ("is", "is_not", "less", "at_most", "more", "at_least", "between", *_VALUE)
_CHOICE_OPS = ("is_one_of", "is_none_of", *_VALUE)
_PARTS = frozenset({"contains", "not_contains", "starts_with", "ends_with"})
_DATES_ONLY = frozenset({"on", "before", "after", *comparing.IN_DAYS})
"""Operators that no other type has; their values are checked even if the type has changed."""

OPERATORS: Mapping[str, tuple[str, ...]] = {
    "text": TEXT_OPS,
    "url": TEXT_OPS,
    "number": _NUMBER_OPS,
    "date": DATE_OPS,
    "boolean": ("is_true", "is_false", *_VALUE),
    "choice": _CHOICE_OPS,
    "country": _CHOICE_OPS,
    "time_zone": _CHOICE_OPS,
    "language": _CHOICE_OPS,
    "choices": ("has_any", "has_all", "has_none", *_VALUE),
}
"""The operators of each type of field."""

Op = Literal[
    "is", "is_not", "contains", "not_contains", "starts_with", "ends_with",
    "less", "at_most", "more", "at_least", "between",
    "on", "before", "after", "in_last_days", "not_in_last_days", "in_next_days",
    "anniversary_in_days",
    "is_true", "is_false", "is_one_of", "is_none_of", "has_any", "has_all", "has_none",
    "has_value", "no_value",
]  # fmt: skip


def _clean_key(key: str) -> str:
    if not values.KEY.fullmatch(key):
        raise ReasonError("segments.bad_value", name="key")
    return key


class FieldLeaf(Leaf):
    """Compares the value of a field. Several values are alternatives.

    What an operator needs depends on the type of the field, which may change after the rule was
    saved; so this checks the number of values, and `check` their type.
    """

    kind: Literal["field"] = "field"
    key: Annotated[str, Field(min_length=1, max_length=MAX_KEY), AfterValidator(_clean_key)]
    op: Op
    values: tuple[comparing.CleanText | int | float, ...] = ()

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        if self.op in WITHOUT_VALUE:
            if self.values:
                raise ReasonError("segments.bad_value", name="values")
            return self
        comparing.check_size(
            self.values, most=comparing.MAX_PARTS if self.op in _PARTS else comparing.MAX_VALUES
        )
        if self.op in _DATES_ONLY:
            comparing.check_period(self.op, self.values)
        for one in self.values:
            if not isinstance(one, str) and not abs(one) <= MAX_NUMBER:
                raise ReasonError("segments.not_a_number", value=str(one)[:40])
        return self


def _type(leaf: FieldLeaf, context: Context) -> str:
    return context.fields.get(leaf.key, "text")


def _check(leaf: FieldLeaf, context: Context) -> None:
    """Raise ReasonError if the rule does not fit the type of the field."""
    type_ = _type(leaf, context)
    if leaf.op not in OPERATORS[type_]:
        raise ReasonError("segments.operator_does_not_fit", key=leaf.key)
    if leaf.op in WITHOUT_VALUE:
        return
    if type_ == "date":
        comparing.check_period(leaf.op, leaf.values)
    elif type_ == "number":
        _check_numbers(leaf)
    elif not all(isinstance(one, str) for one in leaf.values):
        raise ReasonError("segments.bad_value", name="values")


def _check_numbers(leaf: FieldLeaf) -> None:
    for one in leaf.values:
        if isinstance(one, str):
            raise ReasonError("segments.not_a_number", value=one[:40])
    wanted = {"between": 2}.get(leaf.op, 1)
    if leaf.op not in {"is", "is_not"} and len(leaf.values) != wanted:
        raise ReasonError("segments.bad_value", name="values")


def _texts(leaf: FieldLeaf) -> tuple[str, ...]:
    return tuple(map(str, leaf.values))


def _numbers(leaf: FieldLeaf) -> tuple[float, ...]:
    return tuple(map(float, leaf.values))


def _condition(leaf: FieldLeaf, context: Context) -> Condition:
    if leaf.op in OPPOSITES:
        opposite = leaf.model_copy(update={"op": OPPOSITES[leaf.op]})
        return sa.not_(_condition(opposite, context))
    match _type(leaf, context):
        case "number":
            return _number_condition(leaf)
        case "date":
            return _date_condition(leaf, context)
        case "boolean":
            return _answer_condition(leaf)
        case "choices":
            return _options_condition(leaf)
    return _text_condition(leaf)


def _text_condition(leaf: FieldLeaf) -> Condition:
    if leaf.op == "has_value":
        return values.has_text(leaf.key)
    if leaf.op == "is_one_of":
        return values.is_text_among(leaf.key, _texts(leaf))
    return values.text_matches(leaf.op, leaf.key, comparing.all_spellings(_texts(leaf)))


def _date_condition(leaf: FieldLeaf, context: Context) -> Condition:
    if leaf.op == "has_value":
        return values.has_date(leaf.key)
    return values.date_where(
        leaf.key,
        lambda text: comparing.date_test(leaf.op, text, leaf.values, context),  # type: ignore[arg-type]
    )


def _answer_condition(leaf: FieldLeaf) -> Condition:
    if leaf.op == "has_value":
        return values.has_answer(leaf.key)
    return values.is_answer(leaf.key, leaf.op == "is_true")


def _options_condition(leaf: FieldLeaf) -> Condition:
    if leaf.op == "has_value":
        return values.has_options(leaf.key)
    test = values.has_every_option if leaf.op == "has_all" else values.has_option_of
    return test(leaf.key, _texts(leaf))


def _number_condition(leaf: FieldLeaf) -> Condition:
    if leaf.op == "has_value":
        return values.has_number(leaf.key)
    wanted = _numbers(leaf)
    tests: dict[str, Callable[[sa.ColumnElement[float]], Condition]] = {
        "is": lambda number: among(number, wanted),
        "less": lambda number: number < wanted[0],
        "at_most": lambda number: number <= wanted[0],
        "more": lambda number: number > wanted[0],
        "at_least": lambda number: number >= wanted[0],
        "between": lambda number: number.between(min(wanted), max(wanted)),
    }
    return values.number_where(leaf.key, tests[leaf.op])


def _value(leaf: FieldLeaf, subscriber_id: int, context: Context) -> Any:
    """Return the value of the type of the field: text, number, list...; None without one."""
    found = db.session.scalar(
        sa.select(Subscriber.attributes).where(Subscriber.id == subscriber_id)
    )
    read = _READERS.get(_type(leaf, context), values.text_in)
    value = read(found or {}, leaf.key)
    return None if value in ("", frozenset()) else value


_READERS: Mapping[str, Any] = {
    "number": values.number_in,
    "date": values.date_in,
    "boolean": values.answer_in,
    "choices": values.options_in,
}


def _holds(leaf: FieldLeaf, value: Any, context: Context) -> bool:
    if leaf.op in OPPOSITES:
        opposite = leaf.model_copy(update={"op": OPPOSITES[leaf.op]})
        return not _holds(opposite, value, context)
    if value is None or leaf.op == "has_value":
        return value is not None
    match _type(leaf, context):
        case "number":
            return _number_holds(leaf.op, value, _numbers(leaf))
        case "date":
            return comparing.date_holds(leaf.op, value, leaf.values, context)  # type: ignore[arg-type]
        case "boolean":
            return bool(value is (leaf.op == "is_true"))
        case "choices":
            wanted = set(_texts(leaf))
            return value >= wanted if leaf.op == "has_all" else not value.isdisjoint(wanted)
    if leaf.op == "is_one_of":
        return value in leaf.values
    return comparing.text_holds(leaf.op, value, _texts(leaf))


def _number_holds(op: str, value: float, wanted: Sequence[float]) -> bool:
    tests = {
        "is": value in wanted,
        "less": value < wanted[0],
        "at_most": value <= wanted[0],
        "more": value > wanted[0],
        "at_least": value >= wanted[0],
        "between": min(wanted) <= value <= max(wanted),
    }
    return tests[op]


register(
    LeafKind(
        name="field",
        model=FieldLeaf,
        condition=_condition,
        value=_value,
        holds=_holds,
        uses=lambda leaf: [Use("field", leaf.key)],
        texts=lambda leaf: len(leaf.values) if leaf.op in _PARTS else 0,
        check=_check,
    )
)
