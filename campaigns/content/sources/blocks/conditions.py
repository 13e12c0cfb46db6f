"""Conditions and repetitions as statements of the template language."""

from campaigns.content.sources.blocks.document import Condition, FieldCondition, RepeatBlock
from campaigns.content.sources.blocks.markup import is_path, literal

ITEM = "item"
"""Name of the current item in a repeated block."""

_TESTS = {
    "is": "{field} == {value}",
    "is_not": "{field} != {value}",
    "contains": "{value} in {field}",
    "has_value": '{field} is defined and {field} is not none and {field} != ""',
    "no_value": 'not {field} is defined or {field} is none or {field} == ""',
    "at_least": "{field} >= {value}",
    "at_most": "{field} <= {value}",
}


def opening(condition: Condition) -> str | None:
    """Return the statement before a conditional block; None if its field has no valid name."""
    if isinstance(condition, FieldCondition):
        if not is_path(condition.field):
            return None
        value = literal(condition.value)
        return "{% if " + _TESTS[condition.op].format(field=condition.field, value=value) + " %}"
    found = f"in_segment[{literal(condition.segment)}]"
    return f"{{% if {found} %}}" if condition.is_in else f"{{% if not {found} %}}"


CLOSING = "{% endif %}"


def repetition(block: RepeatBlock) -> tuple[str, str] | None:
    """Return the statements around repeated blocks; None if `each` is no valid name."""
    if not is_path(block.each):
        return None
    begin = f"{{% for {ITEM} in {block.each} %}}{{% if loop.index <= {block.limit} %}}"
    return begin, "{% endif %}{% endfor %}"
