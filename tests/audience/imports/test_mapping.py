"""The guessed meaning of columns, and which choices are refused."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import addresses
from campaigns.addresses import InvalidAddressError
from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.mapping import Column, MappingError, attribute_name, check
from campaigns.audience.imports.preview import preview
from campaigns.audience.imports.reader import CsvRow
from campaigns.audience.imports.rows import AddressReader, RowProblemError, RowReader, clean
from campaigns.audience.subscribers import Names
from tests.english import refused

COMMA = Dialect("utf-8", ",")


def roles(data: str) -> list[str]:
    return [column.guess.role for column in preview(io.BytesIO(data.encode()), COMMA).columns]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("E-Mail,First Name,Last Name,City", ["address", "first_name", "last_name", "attribute"]),
        ("Prénom,Nom,Adresse e-mail,Ville", ["first_name", "last_name", "address", "attribute"]),
        ("Nom,Courriel,Ville,Pays", ["name", "address", "attribute", "attribute"]),
        (
            "Vorname,Nachname,E-Mail,Ort",
            ["first_name", "last_name", "address", "attribute"],
        ),
        (
            "Nombre,Apellidos,Correo,Lugar",
            ["first_name", "last_name", "address", "attribute"],
        ),
    ],
)
def test_column_names_are_understood_in_several_languages(header: str, expected: list[str]) -> None:
    row = ",".join("zoe@shop.example" if role == "address" else "Zoé" for role in expected)
    assert roles(f"{header}\n{row}\n") == expected


def test_without_a_header_the_content_shows_the_address_column() -> None:
    seen = preview(io.BytesIO(b"Ann,ann@shop.example\nBob,bob@shop.example\n"), COMMA)
    assert not seen.has_header
    assert [column.guess.role for column in seen.columns] == ["ignore", "address"]
    assert len(seen.rows) == 2


def test_column_names_become_attribute_names_for_templates() -> None:
    assert attribute_name("Postal code") == "postal_code"
    assert attribute_name("Straße / Nr.") == "strasse_nr"
    assert attribute_name("2nd choice") == "a_2nd_choice"
    assert attribute_name("氏名") == ""


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([Column("name")], "exactly one column"),
        ([Column("address"), Column("address")], "exactly one column"),
        ([Column("address"), Column("last_name"), Column("last_name")], "more than one"),
        ([Column("address"), Column("attribute", "Bad name")], "cannot be the name"),
        ([Column("address"), Column("attribute", "a"), Column("attribute", "a")], "more than one"),
        ([Column("address"), Column("nonsense")], "what to do with"),
    ],
)
def test_an_invalid_mapping_is_refused(columns: list[Column], words: str) -> None:
    with refused(MappingError, words):
        check(columns)


READER = RowReader(
    [Column("address"), Column("first_name"), Column("last_name"), Column("attribute", "city")]
)


def test_a_row_becomes_a_subscriber() -> None:
    row = CsvRow(2, [" Ann@Shop.Example ", "Ann", " Lee\r\nBcc: x ", "'+Paris"], "")
    person = READER.person(row)
    assert person.address.text == "Ann@shop.example"
    assert person.address.normal == "ann@shop.example"
    assert person.names == Names(first="Ann", last="Lee Bcc: x")
    assert person.attributes == {"city": "+Paris"}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["a@shop.example", "A", "B", "C", "D"], "5 cells where 4"),
        (["", "A"], "no address"),
        (["nonsense"], "@-sign"),
        (["a@shop.example\r\nBcc: b@shop.example"], "line break"),
        (["a@shop.example" + "x" * 10_000], "too long"),
        (["a@shop.example", "A" * 201], "name is too long"),
        (["a@shop.example", "", "", "c" * 2001], "city” is too long"),
    ],
)
def test_a_failed_row_says_why(cells: list[str], words: str) -> None:
    with refused(RowProblemError, words):
        READER.person(CsvRow(1, cells, ""))


def test_missing_and_extra_empty_cells_at_the_end_are_accepted() -> None:
    assert READER.person(CsvRow(1, ["a@shop.example"], "")).names == Names()
    row = CsvRow(1, ["a@shop.example", "A", "", "", "", " "], "")
    assert READER.person(row).names == Names(first="A")


def test_addresses_in_other_notations_are_recognized() -> None:
    for text in ("Ann <ann@shop.example>", "mailto:ann@shop.example", "<ann@shop.example>"):
        assert READER.person(CsvRow(1, [text], "")).address.text == "ann@shop.example"


@settings(deadline=None)  # the full check may be slow on a busy machine
@given(
    st.from_regex(r"[A-Za-z0-9.+_\-'\" é]{1,70}@(Shop\.Example|bücher\.example|x)", fullmatch=True)
)
def test_the_fast_check_agrees_with_the_full_check(text: str) -> None:
    reader = AddressReader()
    for domain in ("Shop.Example", "bücher.example"):
        reader.parse(f"a@{domain}")
    try:
        expected = addresses.parse(text)
    except InvalidAddressError:
        with pytest.raises(InvalidAddressError):
            reader.parse(text)
    else:
        assert reader.parse(text) == expected


def test_control_characters_are_removed_from_cells() -> None:
    assert clean("a\x00b\u2028 c\x85") == "a b c"


TABLE = "Full Name,E-mail,Status\nAnn,ann@shop.example,active\nBo,bo@shop.example,inactive\n"


@pytest.mark.parametrize(
    "above",
    [
        "",
        "My contacts export\n",
        "My contacts export\n\n\n",
        "My contacts export,,\n",
        '"Contacts, all"\n',
        "Exported on 2024-03-01\n\n",
        "Exported on,2024-03-01 10:00,\n",
        "2024-03-01\n",
        "Exported by,me@corp.example\n",
        "Report by me@corp.example\n",
        "me@corp.example\n\n",
        "List: News\nExported: 1 March 2024\nRows: 2\n\n",
        "sep=,\nMy contacts export\n",
        "\n\n",
        '"My export\nof March"\n',
        ",,\n,,\n",
    ],
)
def test_a_header_is_found_below_other_lines(above: str) -> None:
    seen = preview(io.BytesIO((above + TABLE).encode()), COMMA)
    assert seen.titles == ("Full Name", "E-mail", "Status")
    assert [column.guess.role for column in seen.columns] == ["name", "address", "status"]
    assert [row.cells[0] for row in seen.rows] == ["Ann", "Bo"]


def test_a_header_of_one_column_is_found_below_a_title() -> None:
    seen = preview(io.BytesIO(b"My contacts\n\nEmail\nann@shop.example\n"), COMMA)
    assert (seen.titles, len(seen.rows)) == (("Email",), 1)


@pytest.mark.parametrize(
    "data",
    [
        "Bo,\nAnn,ann@shop.example\n",
        "Ann,ann@shop.example,Email\nBo,bo@shop.example,Phone\nCy,,Email\n",
        "ann@shop.example\nbo@shop.example\n",
    ],
)
def test_subscribers_are_not_mistaken_for_a_header(data: str) -> None:
    assert not preview(io.BytesIO(data.encode()), COMMA).has_header


def test_lines_that_are_one_quoted_cell_are_read_below_a_title() -> None:
    data = b'"My export"\n"email,status"\n"a@shop.example,unsubscribed"\n"b@shop.example,x"\n'
    seen = preview(io.BytesIO(data), COMMA)
    assert seen.titles == ("email", "status")
    assert seen.rows[0].cells == ["a@shop.example", "unsubscribed"]


def test_names_in_an_unknown_language_are_a_header_below_a_title() -> None:
    data = "Raport\n\nOsoba,Skrzynka,Grupa\nAnn,ann@shop.example,A\n"
    assert preview(io.BytesIO(data.encode()), COMMA).titles == ("Osoba", "Skrzynka", "Grupa")


def test_a_column_is_guessed_by_more_than_its_first_hundred_rows() -> None:
    rows = "".join(f"a{n}@shop.example,2024-01-01\n" for n in range(300))
    seen = preview(io.BytesIO(f"email,GDPR\n{rows}b@shop.example,denied\n".encode()), COMMA)
    assert seen.columns[1].guess.role == "status"
