"""Files from the real world: encodings, delimiters, broken quotes, and files that are no CSV."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.audience.imports import lines as csv_lines
from campaigns.audience.imports.detection import NotCsvError, Probe
from campaigns.audience.imports.dialect import DELIMITERS, Dialect
from campaigns.audience.imports.lines import BLOCK_BYTES, LONG_PROBLEM, NUL_PROBLEM, Line
from campaigns.audience.imports.preview import PREVIEW_ROWS, preview
from campaigns.audience.imports.reader import (
    BROKEN_PROBLEM,
    MAX_ROW_CHARS,
    OPEN_PROBLEM,
    CsvRow,
    Reader,
)
from campaigns.reason import Reason
from tests.english import refused

COMMA = Dialect("utf-8", ",")


def dialect_of(data: bytes, block: int = 1000) -> Dialect:
    probe = Probe()
    for start in range(0, len(data), block):
        probe.feed(data[start : start + block])
    return probe.dialect()


def rows(data: bytes, dialect: Dialect | None = None, start: int = 0) -> list[CsvRow]:
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
@pytest.mark.parametrize("delimiter", list(DELIMITERS))
def test_encoding_and_delimiter_are_found(encoding: str, mark: bytes, delimiter: str) -> None:
    text = f"email{delimiter}nom\r\nzoe@shop.example{delimiter}Zoé\r\n" * 3
    data = mark + text.encode(encoding)
    assert dialect_of(data, block=7) == Dialect(encoding, delimiter)
    assert cells(data)[1] == ["zoe@shop.example", "Zoé"]


def test_the_first_accent_may_be_at_the_end_of_a_large_file() -> None:
    data = b"a@shop.example,Ann\n" * 20_000 + "z@shop.example,Zoé\n".encode("cp1252")
    assert dialect_of(data, block=4096).encoding == "cp1252"


def test_a_utf8_file_with_a_damaged_row_is_still_read_as_utf8() -> None:
    data = "é@shop.example,Zoé\n".encode() * 50 + b"b@shop.example,Jos\xe9\n" + b"c@shop.example,C"
    found = rows(data)
    assert dialect_of(data).encoding == "utf-8"
    assert found[50].problem == Reason("import_row.wrong_encoding", {"encoding": "UTF-8"})
    assert found[51].cells == ["c@shop.example", "C"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty"),
        (b"PK\x03\x04 [Content_Types].xml xl/workbook.xml", "Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "Excel"),
        (b"PK\x03\x04 addresses.csv", "archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "image"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (bytes(range(256)) * 20, "not a text file"),
    ],
)
def test_other_kinds_of_file_are_named(data: bytes, words: str) -> None:
    with refused(NotCsvError, words):
        dialect_of(data)


def test_all_line_endings_are_understood() -> None:
    expected = [["a@shop.example", "1"], ["b@shop.example", "2"]]
    for end in (b"\n", b"\r\n", b"\r"):
        assert cells(end.join([b"a@shop.example,1", b"b@shop.example,2"])) == expected


def test_quoted_cells_may_contain_delimiters_quotes_and_line_breaks() -> None:
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
        b'b@shop.example,Bob" x\nc@shop.example,"Carl"\n',
    ],
)
def test_a_broken_quote_fails_only_its_row(broken: bytes, rest: bytes) -> None:
    reader = Reader(io.BytesIO(broken + rest), COMMA, columns=2)
    first, *others = list(reader)
    assert first.problem in {OPEN_PROBLEM, BROKEN_PROBLEM}
    assert first.raw == broken.decode().rstrip("\n")
    assert [row.cells[0] for row in others] == ["b@shop.example", "c@shop.example"]
    assert [row.number for row in others] == [2, 3]


def test_nul_bytes_fail_their_row() -> None:
    found = rows(b"a@shop.example,A\nb\0@shop.example,B\nc@shop.example,C\n")
    assert [row.problem for row in found] == [None, NUL_PROBLEM, None]


def test_an_endless_line_is_cut_and_reading_continues() -> None:
    for dialect in (COMMA, Dialect("utf-16-le", ",")):
        text = "a@shop.example,A\n" + "x" * (BLOCK_BYTES * 9 + 5) + "\nc@shop.example,C\n"
        reader = Reader(io.BytesIO(text.encode(dialect.encoding)), dialect)
        found = list(reader)
        assert [row.problem for row in found] == [None, LONG_PROBLEM, None]
        assert len(found[1].raw) <= 2000
        assert reader.position == len(text.encode(dialect.encoding))


def test_blank_rows_are_skipped_but_numbered() -> None:
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
def test_reading_may_resume_at_any_row(table: list[list[str]], encoding: str, end: str) -> None:
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


# --- cells with line breaks ------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_multiline_cell_before_the_address_is_one_cell(end: str) -> None:
    lines = ["name,address,email"]
    for number in range(20):
        lines += [f'N{number},"Street {number}', f'City {number}",a{number}@multi.example']
    data = (end.join(lines) + end).encode()
    seen = preview(io.BytesIO(data), dialect_of(data))
    assert [column.guess.role for column in seen.columns] == ["name", "attribute", "address"]
    found = list(Reader(io.BytesIO(data), COMMA, columns=3))
    assert found[1].cells == ["N0", f"Street 0{end}City 0", "a0@multi.example"]
    assert len(found) == 21
    assert not any(row.problem for row in found)


def test_a_multiline_cell_in_the_first_column_is_one_cell() -> None:
    data = b'company,email\n"Big\nCompany",c1@multi.example\n"Small",c2@multi.example\n'
    assert [row.cells for row in Reader(io.BytesIO(data), COMMA, columns=2)][1:] == [
        ["Big\nCompany", "c1@multi.example"],
        ["Small", "c2@multi.example"],
    ]


def test_a_line_in_a_cell_is_no_row_even_if_it_looks_like_one() -> None:
    note = "Wrote:\nb@shop.example,Bob\nc@shop.example,Carl\n"
    table = [["email", "note"], ["a@shop.example", note], ["d@shop.example", "x"]]
    assert [row.cells for row in Reader(written(table), COMMA, columns=2)] == table


def test_a_long_cell_of_many_lines_is_one_cell() -> None:
    table = [["email", "note"], ["a@shop.example", 'A line with "quotes", and more\n' * 5_000]]
    assert [row.cells for row in Reader(written(table), COMMA, columns=2)] == table


def test_a_broken_multiline_cell_is_reported_once_and_gives_no_row() -> None:
    data = b'company,email\n"Big "X"\nCompany",c1@multi.example\nSmall,c2@multi.example\n'
    found = list(Reader(io.BytesIO(data), COMMA, columns=2))
    assert [bool(row.problem) for row in found] == [False, True, False]
    assert found[1].raw == '"Big "X"\nCompany",c1@multi.example'
    assert found[2].cells == ["Small", "c2@multi.example"]


def test_an_inch_mark_in_an_unquoted_cell_is_text() -> None:
    data = b'item,email\n5" disk,a@shop.example\n3.5",b@shop.example\n"x",c@shop.example\n'
    assert [row.cells[0] for row in Reader(io.BytesIO(data), COMMA, columns=2)] == [
        "item",
        '5" disk',
        '3.5"',
        "x",
    ]


def test_an_unclosed_quote_fails_one_row_of_a_large_file() -> None:
    row = b"a@shop.example,Ann\n"
    count = 4 * MAX_ROW_CHARS // len(row)
    reader = Reader(io.BytesIO(b'x@shop.example,"X\n' + row * count), COMMA, columns=2)
    assert next(reader).problem == OPEN_PROBLEM
    longest = 0
    read = 0
    for found in reader:
        read += not found.problem
        longest = max(longest, len(reader._ahead))
    assert read == count
    assert longest <= MAX_ROW_CHARS // len(row) + 1


def test_rows_that_each_open_a_quote_do_not_slow_reading_down() -> None:
    looks = 0

    class Counting(Reader):
        def _peek(self, index: int) -> Line | None:
            nonlocal looks
            looks += 1
            return super()._peek(index)

    data = b'5","abc\n' * 3_000
    assert len(list(Counting(io.BytesIO(data), COMMA, columns=2))) == 3_000
    assert looks < 3_000 * 100


def test_lines_that_are_one_quoted_cell_each_are_split() -> None:
    data = b'"email;name"\n"w1@multi.example;""Ann Ashe"""\n"w2@multi.example;Bob"\n'
    dialect = dialect_of(data)
    seen = preview(io.BytesIO(data), dialect)
    assert [column.title for column in seen.columns] == ["email", "name"]
    assert [row.cells for row in seen.rows] == [
        ["w1@multi.example", "Ann Ashe"],
        ["w2@multi.example", "Bob"],
    ]


@pytest.mark.parametrize("end", [b"\x1a", b"\x1a" * 100, b"\r\n\x1a"])
def test_the_dos_end_of_file_mark_is_no_row(end: bytes) -> None:
    assert [row.cells for row in rows(b"email,name\r\ns@shop.example,S\r\n" + end, COMMA)] == [
        ["email", "name"],
        ["s@shop.example", "S"],
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_beside_multiline_cells(delimiter: str) -> None:
    table = [["id", "note", "email"]]
    table += [
        [str(n), f"a, b; c | d\n{n}\tx, y\n", f"p{n}@shop.example"] for n in range(30)
    ]  # fmt: skip
    data = written(table, delimiter=delimiter).read()
    assert dialect_of(data).delimiter == delimiter
    assert cells(data) == table


def written(table: list[list[str]], **dialect: object) -> io.BytesIO:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(table)  # type: ignore[arg-type]
    return io.BytesIO(text.getvalue().encode())


CELL = st.text(
    st.one_of(
        st.sampled_from(list('\n\r""\',;|\t @.ab=')),
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"),
    ),
    max_size=14,
) | st.sampled_from(["x@shop.example", "b@shop.example,Bob\nc@shop.example,Carl", '5" disk'])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Non-blank rows of equal width with an address in one column."""
    width = draw(st.integers(2, 5))
    at = draw(st.integers(0, width - 1))
    row = st.lists(CELL, min_size=width, max_size=width)
    table = draw(st.lists(row, min_size=1, max_size=12))
    for number, cells in enumerate(table):
        cells[at] = f"p{number}@shop.example"
    return [["email" if index == at else f"t{index}" for index in range(width)], *table]


@settings(deadline=None)  # many small blocks are slow on a busy machine
@given(
    tables(),
    st.sampled_from(list(DELIMITERS)),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-16-le"]),
    st.integers(4, 40),
)
def test_a_table_is_read_back_equally_in_preview_and_run(
    table: list[list[str]], delimiter: str, quoting: int, end: str, encoding: str, block: int
) -> None:
    if quoting == csv.QUOTE_MINIMAL and len(end) == 1:
        # The csv module does not quote the other line break, and cannot read it back.
        table = [[cell.replace("\n", end).replace("\r", end) for cell in row] for row in table]
    data = written(table, delimiter=delimiter, quoting=quoting, lineterminator=end).read()
    data = data.decode().encode(encoding)
    dialect = Dialect(encoding, delimiter)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "BLOCK_BYTES", block)
        run = list(Reader(io.BytesIO(data), dialect, columns=len(table[0])))
        seen = preview(io.BytesIO(data), dialect)
    assert [row.cells for row in run] == table
    assert seen.has_header
    assert [column.title for column in seen.columns] == table[0]
    assert list(seen.rows) == run[1 : 1 + PREVIEW_ROWS]
    assert [column.guess.role for column in seen.columns].index("address") == table[0].index(
        "email"
    )


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Имя;Email\nАнна Петрова;anna@shop.example\nИван;ivan@shop.example\n"),
        ("koi8-r", "Имя;Email\nАнна Петрова;anna@shop.example\nИван;ivan@shop.example\n"),
        ("cp1253", "Όνομα;Email\nΜαρία Νικολάου;maria@shop.example\n"),
        ("cp932", "名前;Email\nやまだ たろう;taro@shop.example\n山田太郎;yamada@shop.example\n"),
        ("cp949", "이름;Email\n김철수;kim@shop.example\n이영희;lee@shop.example\n"),
        ("mac_roman", "email;name\rm1@multi.example;René Müller\r"),
        ("cp1252", "nom;email\nZoé Müller;zoe@shop.example\nÇa ira, déjà;ca@shop.example\n"),
    ],
)
def test_legacy_encodings_are_recognized_by_their_letters(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    assert dialect_of(data) == Dialect(encoding, ";")
    assert cells(data) == [line.split(";") for line in text.splitlines()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r'"Ann \"Annie\" Lee",a@shop.example', 'Ann "Annie" Lee'),
        (r'"Ann \"A\"",a@shop.example', 'Ann "A"'),
        (r'"\"A\", Ann",a@shop.example', '"A", Ann'),
        (r'"a \",\"b",a@shop.example', 'a ","b'),
        ('"Ann \\"A\nB\\" Lee",a@shop.example', 'Ann "A\nB" Lee'),
        (r'"C:\\ \"x\"",a@shop.example', 'C:\\ "x"'),
    ],
)
def test_backslash_escaped_quotation_marks_are_read(line: str, expected: str) -> None:
    data = f'name,email\n{line}\n"Bo",b@shop.example\n'.encode()
    found = list(Reader(io.BytesIO(data), COMMA, columns=2))
    assert [row.cells for row in found[1:]] == [
        [expected, "a@shop.example"],
        ["Bo", "b@shop.example"],
    ]
    assert dialect_of(data) == COMMA


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r'"C:\",a@shop.example', "C:\\"),
        (r'"a \ b",a@shop.example', r"a \ b"),
        (r'"a \\ b",a@shop.example', r"a \\ b"),
        (r'"a \"" b",a@shop.example', r"a \" b"),
        (r"C:\temp,a@shop.example", r"C:\temp"),
    ],
)
def test_a_backslash_in_a_well_formed_row_is_text(line: str, expected: str) -> None:
    data = f"name,email\n{line}\n".encode()
    assert list(Reader(io.BytesIO(data), COMMA, columns=2))[1].cells == [
        expected,
        "a@shop.example",
    ]


def test_a_colon_separated_file_is_read_but_times_are_no_separators() -> None:
    assert dialect_of(b"name:email\nAnn:ann@shop.example\n").delimiter == ":"
    ragged = b"email,name,seen\nann@shop.example,Ann,10:30\nbo@shop.example,10:31\n"
    assert dialect_of(ragged).delimiter == ","
    assert dialect_of(b"email\nmailto:ann@shop.example\n").delimiter != ":"


@pytest.mark.parametrize("hint", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;", "sep=;,,"])
def test_the_delimiter_hint_is_no_row(hint: str) -> None:
    data = f"{hint}\r\nemail;name\r\na@shop.example;Ann\r\n".encode()
    assert cells(data) == [["email", "name"], ["a@shop.example", "Ann"]]


def test_a_wrong_delimiter_hint_is_ignored() -> None:
    data = b"sep=,\r\nemail;name\r\na@shop.example;Ann\r\n"
    assert cells(data) == [["email", "name"], ["a@shop.example", "Ann"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_second_byte_order_mark_is_removed_from_the_first_name(encoding: str) -> None:
    data = '\ufeff\ufeff"email",name\ra@shop.example,Ann\r\nb@shop.example,Bo\n'.encode(encoding)
    assert cells(data) == [["email", "name"], ["a@shop.example", "Ann"], ["b@shop.example", "Bo"]]
    second = rows(data)[1]
    assert second.number == 2


def test_trailing_delimiters_make_no_column() -> None:
    data = b"email,name,,\na@shop.example,Ann,,\nb@shop.example,Bo\n"
    seen = preview(io.BytesIO(data), COMMA)
    assert [column.guess.role for column in seen.columns] == ["address", "name", "ignore", "ignore"]
