"""Conditions and repetitions as statements of the template language."""

import re

from campaigns.content.sources.blocks.document import Condition, FieldCondition, RepeatBlock
from campaigns.content.sources.blocks.markup import is_path, literal

ITEM = "item"
"""Name of the current item in a repeated block."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?")
_ANSWERS = {"yes": "true", "true": "true", "no": "false", "false": "false"}
"""Values that a field of yes or no is compared with."""
_FILLED = '{field} is defined and {field} is not none and {field} != ""'


def opening(condition: Condition) -> str | None:
    """Return the statement before a conditional block; None if its field has no valid name."""
    if isinstance(condition, FieldCondition):
        if not is_path(condition.field):
            return None
        return "{% if " + _test(condition) + " %}"
    found = f"in_segment[{literal(condition.segment)}]"
    return f"{{% if {found} %}}" if condition.is_in else f"{{% if not {found} %}}"


def _test(condition: FieldCondition) -> str:
    """Return an expression. Upper and lower case do not matter, as in segments."""
    field, value = condition.field, condition.value
    match condition.op:
        case "is":
            return _equals(field, value)
        case "is_not":
            return f"not ({_equals(field, value)})"
        case "contains":
            lower = f"{literal(value.lower())} in {field}|lower"
            return f"{literal(value)} in {field} or {field} is string and {lower}"
        case "has_value":
            return _FILLED.format(field=field)
        case "no_value":
            return f"not ({_FILLED.format(field=field)})"
        case "at_least":
            return f"{field} >= {_bound(value)}"
        case "at_most":
            return f"{field} <= {_bound(value)}"


def _equals(field: str, value: str) -> str:
    same = f"{field} == {literal(value)}"
    if value.lower() in _ANSWERS:
        same += f" or {field} is {_ANSWERS[value.lower()]}"
    if value.lower() != value.upper():
        same += f" or {field} is string and {field}|lower == {literal(value.lower())}"
    return same


def _bound(value: str) -> str:
    """Return a number as such: two texts would be compared letter by letter."""
    return value.strip() if _NUMBER.fullmatch(value.strip()) else literal(value)


CLOSING = "{% endif %}"


def repetition(block: RepeatBlock) -> tuple[str, str] | None:
    """Return the statements around repeated blocks; None if `each` is not a valid name."""
    if not is_path(block.each):
        return None
    begin = f"{{% for {ITEM} in {block.each} %}}{{% if loop.index <= {block.limit} %}}"
    return begin, "{% endif %}{% endfor %}"
