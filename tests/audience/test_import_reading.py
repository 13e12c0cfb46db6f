"""Files as people have them: encodings, delimiters, quotes gone wrong, and no files at all."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience.csv_reading import (
    BLOCK_BYTES,
    BROKEN_PROBLEM,
    LONG_PROBLEM,
    NUL_PROBLEM,
    OPEN_PROBLEM,
    Dialect,
    NotCsvError,
    Probe,
    Reader,
    Row,
)

COMMA = Dialect("utf-8", ",")


def dialect_of(data: bytes, block: int = 1000) -> Dialect:
    probe = Probe()
    for start in range(0, len(data), block):
        probe.feed(data[start : start + block])
    return probe.dialect()


def rows(data: bytes, dialect: Dialect | None = None, start: int = 0) -> list[Row]:
    return list(Reader(io.BytesIO(data), dialect or dialect_of(data), start=start))


def cells(data: bytes, dialect: Dialect | None = None) -> list[list[str]]:
    return [row.cells for row in rows(data, dialect)]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("cp1252", b""),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found(encoding: str, mark: bytes, delimiter: str) -> None:
    text = f"email{delimiter}nom\r\nzoe@shop.example{delimiter}Zoé\r\n" * 3
    data = mark + text.encode(encoding)
    assert dialect_of(data, block=7) == Dialect(encoding, delimiter)
    assert cells(data)[1] == ["zoe@shop.example", "Zoé"]


def test_the_first_accent_may_stand_at_the_end_of_a_large_file() -> None:
    data = b"a@shop.example,Ann\n" * 20_000 + "z@shop.example,Zoé\n".encode("cp1252")
    assert dialect_of(data, block=4096).encoding == "cp1252"


def test_a_damaged_row_does_not_make_a_utf8_file_a_windows_one() -> None:
    data = "é@shop.example,Zoé\n".encode() * 50 + b"b@shop.example,Jos\xe9\n" + b"c@shop.example,C"
    found = rows(data)
    assert dialect_of(data).encoding == "utf-8"
    assert "not UTF-8" in found[50].problem
    assert found[51].cells == ["c@shop.example", "C"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty"),
        (b"PK\x03\x04 [Content_Types].xml xl/workbook.xml", "Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "Excel"),
        (b"PK\x03\x04 addresses.csv", "ZIP"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "image"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (bytes(range(256)) * 20, "not a text file"),
    ],
)
def test_what_is_no_csv_is_called_by_its_name(data: bytes, words: str) -> None:
    with pytest.raises(NotCsvError, match=words):
        dialect_of(data)


def test_all_line_ends_are_understood() -> None:
    expected = [["a@shop.example", "1"], ["b@shop.example", "2"]]
    for end in (b"\n", b"\r\n", b"\r"):
        assert cells(end.join([b"a@shop.example,1", b"b@shop.example,2"])) == expected


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks() -> None:
    data = b'"a@shop.example", "Lee, ""Ann""" ,x\nb@shop.example,"two\r\nlines",y\n'
    assert cells(data, COMMA) == [
        ["a@shop.example", 'Lee, "Ann"', "x"],
        ["b@shop.example", "two\r\nlines", "y"],
    ]


@pytest.mark.parametrize(
    "broken",
    [
        b'a@shop.example,"Ann\n',
        b'a@shop.example,"Ann "the" Lee"\n',
        b'"a@shop.example,Ann\n',
        b'a@shop.example,Ann,"\n',
    ],
)
@pytest.mark.parametrize(
    "rest",
    [
        b"b@shop.example,Bob\nc@shop.example,Carl\n",
        b'"b@shop.example","Bob"\n"c@shop.example","Carl"\n',
        b'b@shop.example,Bob"\nc@shop.example,"Carl"\n',
    ],
)
def test_a_broken_quote_costs_its_own_row_and_no_other(broken: bytes, rest: bytes) -> None:
    reader = Reader(io.BytesIO(broken + rest), COMMA, columns=2, address_column=0)
    first, *others = list(reader)
    assert first.problem in {OPEN_PROBLEM, BROKEN_PROBLEM}
    assert first.raw == broken.decode().rstrip("\n")
    assert [row.cells[0] for row in others] == ["b@shop.example", "c@shop.example"]
    assert [row.number for row in others] == [2, 3]


def test_nul_bytes_cost_their_row() -> None:
    found = rows(b"a@shop.example,A\nb\0@shop.example,B\nc@shop.example,C\n")
    assert [row.problem for row in found] == ["", NUL_PROBLEM, ""]


def test_a_line_without_end_is_cut_and_reading_goes_on() -> None:
    for dialect in (COMMA, Dialect("utf-16-le", ",")):
        text = "a@shop.example,A\n" + "x" * (BLOCK_BYTES * 9 + 5) + "\nc@shop.example,C\n"
        reader = Reader(io.BytesIO(text.encode(dialect.encoding)), dialect)
        found = list(reader)
        assert [row.problem for row in found] == ["", LONG_PROBLEM, ""]
        assert len(found[1].raw) <= 2000
        assert reader.position == len(text.encode(dialect.encoding))


def test_blank_rows_are_passed_over_but_numbered() -> None:
    found = rows(b"sep=;\na@shop.example;A\n\n;;\nb@shop.example;B\n")
    assert [(row.number, row.cells[0]) for row in found] == [
        (2, "a@shop.example"),
        (5, "b@shop.example"),
    ]


@given(
    st.lists(st.lists(st.text(max_size=12), min_size=2, max_size=4), max_size=12),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_reading_may_go_on_from_any_row(table: list[list[str]], encoding: str, end: str) -> None:
    text = end.join(",".join(row) for row in table)
    data = text.encode(encoding, "surrogatepass")
    dialect = Dialect(encoding, ",")
    whole = rows(data, dialect)
    reader = Reader(io.BytesIO(data), dialect)
    for index, row in enumerate(reader):
        assert row == whole[index]
        rest = Reader(
            io.BytesIO(data), dialect, start=reader.position, row_number=reader.row_number
        )
        assert list(rest) == whole[index + 1 :]
