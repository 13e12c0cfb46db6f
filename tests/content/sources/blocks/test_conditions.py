"""Which recipients a condition by a field holds for."""

from typing import Any

import pytest

from campaigns.content.sources.blocks import conditions
from campaigns.content.sources.blocks.document import FieldCondition
from tests.content.samples import a_recipient, compiled


def holds(op: Any, value: str, **attributes: Any) -> bool:
    """Return whether a condition on the field `x` holds."""
    when = FieldCondition(kind="field", field="subscriber.x", op=op, value=value)
    html = f"<p>{conditions.opening(when)}Shown{conditions.CLOSING}</p>"
    return "Shown" in compiled(html).preview(a_recipient(**attributes)).text


@pytest.mark.parametrize(
    ("op", "value", "yes", "no"),
    [
        ("is", "Hamburg", ["Hamburg", "hamburg", "HAMBURG"], ["Bremen", "", 3, ["Hamburg"]]),
        ("is", "Ärger", ["Ärger", "ärger"], ["Aerger"]),
        ("is", "10", ["10", 10], ["100", 1]),
        ("is", "yes", ["yes", "Yes", True], ["no", False, ""]),
        ("is_not", "Hamburg", ["Bremen", "", 3], ["Hamburg", "hamburg"]),
        ("contains", "VIP", ["a vip guest", ["VIP", "b"]], ["guest", ["b"], "", 3]),
        ("contains", '"%}', ['say "%} now'], ["x"]),
        ("has_value", "", ["a", 0, False, "0"], ["", None]),
        ("no_value", "", ["", None], ["a", 0]),
        ("at_least", "10", [10, "10", "100", 11.5], [9, "9", "", "x", ["10"]]),
        ("at_most", "10", [10, "9", -1], [11, "11", "x"]),
        ("at_least", "2026-01-01", ["2026-03-01"], ["2025-12-31", ""]),
    ],
)
def test_a_condition_compares_as_segments_do(
    op: str, value: str, yes: list[Any], no: list[Any]
) -> None:
    assert [one for one in yes if not holds(op, value, x=one)] == []
    assert [one for one in no if holds(op, value, x=one)] == []


def test_a_recipient_without_the_field_has_no_value() -> None:
    assert holds("no_value", "")
    assert holds("is_not", "Hamburg")
    assert not holds("is", "")
