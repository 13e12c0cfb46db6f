"""Cells that no spreadsheet runs and that our import reads back unchanged."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.reader import Reader
from campaigns.csv_writing import csv_text, guard, unguard

TEXT = st.text(
    st.one_of(
        st.sampled_from(list("'\"=+-@\uff1d\uff0b\uff0d\uff20 \t\n\r,;|a")),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff\x1a"),
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    "before", ["", " ", "\t", "\r", "\n", '"', "'", ",", ";", "|", "\xa0", "\u200b"]
)
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_cells_that_would_be_formulas_are_made_harmless(before: str, sign: str) -> None:
    assert guard(f"{before}{sign}1+1") == f"'{before}{sign}1+1"


def test_other_cells_are_unchanged() -> None:
    assert [guard(value) for value in ("a=b", "'Ann'", "", None, 7)] == [
        "a=b",
        "'Ann'",
        "",
        "",
        "7",
    ]


@given(TEXT)
def test_reading_removes_the_guard_again(text: str) -> None:
    assert unguard(guard(text)) == text


@given(st.lists(st.tuples(st.just("x"), TEXT, TEXT), min_size=1, max_size=5))
def test_a_written_table_reads_back_equal(table: list[tuple[str, str, str]]) -> None:
    text = csv_text(table)
    cells = [
        row.cells for row in Reader(io.BytesIO(text.encode()), Dialect("utf-8", ","), columns=3)
    ]
    assert [tuple(map(unguard, row)) for row in cells] == table
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(
            cell.strip(' \t\r\n,;|"')[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") for cell in row
        )
