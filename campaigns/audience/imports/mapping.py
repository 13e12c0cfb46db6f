"""What each column of a file becomes: guessed from its header and content, checked as chosen."""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from campaigns.audience.imports import statuses as import_status
from campaigns.audience.imports.reader import LOOKS_LIKE_ADDRESS, Dialect, Reader, Row, unwrap
from campaigns.audience.subscribers import MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES
from campaigns.csv_writing import unguard
from campaigns.reason import ReasonError

ROLES = {
    "ignore": "Do not import",
    "address": "Email address",
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "attribute": "Attribute",
    "status": "Status",
}
OUR_OWN = {"", "row", "problem"}
"""Titles that make no attribute: the columns which the file of failed rows gets beside its own."""
MAX_COLUMNS = 200
PREVIEW_ROWS = 8
STATUS_ROWS = 200_000
MAX_STATUS_VALUES = 60
MAX_STATUS_CELLS = 100_000
"""Different cells of a status column that are counted: dates are many, and one value."""
OWN_SUBSCRIBERS = ("address", "name", "state", "suppressed", "created_at")
"""The first columns of our own export of subscribers; what follows are attributes."""
OWN_SUPPRESSIONS = ("address", "reason", "source", "note", "since")
GUESS_ROWS = 5_000
GUESS_CHARS = 2_000_000
"""Rows at the beginning of a file by which its columns are guessed, and how long they may be."""
MAX_HEADER_ROW = 20
"""Rows among which the header is looked for: some programs write a title or a date above it."""

_ATTRIBUTE_NAME = re.compile(r"[a-z_][a-z0-9_]*")


class MappingError(ReasonError):
    """The columns cannot be used like this."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column becomes: a key of ROLES; `attribute` names it where that is its role."""

    role: str
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """A column of the preview: its title, some of its cells, and what it seems to hold."""

    title: str
    samples: tuple[str, ...]
    guess: Column


@dataclass(frozen=True, slots=True)
class Preview:
    """`header_row` is the number of the row that holds the titles, 0 where there is none."""

    header_row: int
    columns: tuple[SeenColumn, ...]
    rows: tuple[Row, ...]

    @property
    def has_header(self) -> bool:
        return self.header_row > 0

    @property
    def titles(self) -> tuple[str, ...]:
        return tuple(column.title for column in self.columns)


def preview(file: BinaryIO, dialect: Dialect, has_header: bool | None = None) -> Preview:
    """The first rows of a file and a guess at its columns. `has_header` None: guess that too."""
    _, titles, body = _table(file, dialect, has_header, 0)
    width = _width(titles, body, dialect.delimiter)
    # Once more with the number of columns, as the import itself will read.
    header_row, titles, body = _table(file, dialect, has_header, width)
    columns = []
    for index in range(width):
        cells = [
            row.cells[index].strip()
            for row in body
            if index < len(row.cells) and row.cells[index].strip()
        ]
        title = unguard(titles[index]).strip() if index < len(titles) else ""
        columns.append((title, cells))
    guesses = _guess(columns)
    return Preview(
        header_row,
        tuple(
            SeenColumn(title, tuple(cells[:3]), guess)
            for (title, cells), guess in zip(columns, guesses, strict=True)
        ),
        tuple(body[:PREVIEW_ROWS]),
    )


def _table(
    file: BinaryIO, dialect: Dialect, has_header: bool | None, columns: int
) -> tuple[int, list[str], list[Row]]:
    """The number of the header's row, its titles, and the rows below it."""
    file.seek(0)
    rows = list(_first(Reader(file, dialect, columns=columns)))
    whole = [row for row in rows if not row.problem]
    header = _header(whole) if has_header is not False else None
    if has_header and header is None and whole:
        header = whole[0]
    if header is None:
        return 0, [], rows
    return header.number, header.cells, list(below_header(iter(rows), header.number))


def _first(rows: Iterable[Row]) -> Iterator[Row]:
    chars = 0
    for row in itertools.islice(rows, GUESS_ROWS + 1):
        yield row
        chars += len(row.raw)
        if chars > GUESS_CHARS:
            return


def below_header(rows: Iterator[Row], header_row: int = 0) -> Iterator[Row]:
    """The rows of people: without the header, whose titles are known, and the lines above it.

    Without `header_row` the header is the first row that can be read.
    """
    for row in rows:
        if row.problem:
            yield row
        elif row.number >= header_row:
            break
    yield from rows


def _header(rows: Sequence[Row]) -> Row | None:
    """The row that holds the titles; None where the first rows are data already."""
    top = rows[:MAX_HEADER_ROW]
    for index, row in enumerate(top):
        if _titles_addresses(row, rows[index + 1 :]) and all(
            _filled(above) < _filled(row) or not _has_address(above) for above in top[:index]
        ):
            return row
    data = next((index for index, row in enumerate(rows) if _has_address(row)), None)
    if data is None:
        return top[0] if top and _is_header(top[0].cells) else None
    width = len(rows[data].cells)
    above = [row for row in top[:data] if len(row.cells) == width and _is_header(row.cells)]
    # A title that fills one cell is no header of several columns.
    return max(above, key=_filled, default=None)


def _titles_addresses(row: Row, below: Sequence[Row]) -> bool:
    """Whether a row has a title for addresses, with an address in a row below it."""
    if _has_address(row):
        return False
    places = [at for at, cell in enumerate(row.cells) if _KEYS.get(_key(cell)) == "address"]
    return any(
        at < len(other.cells) and LOOKS_LIKE_ADDRESS.fullmatch(other.cells[at])
        for at in places
        for other in below
    )


def _has_address(row: Row) -> bool:
    return any("@" in cell and LOOKS_LIKE_ADDRESS.fullmatch(cell) for cell in row.cells)


def _filled(row: Row) -> int:
    return sum(1 for cell in row.cells if cell.strip())


def _width(titles: Sequence[str], rows: Sequence[Row], delimiter: str) -> int:
    """How many columns a file has."""
    width = max(len(titles), _usual_width(rows))
    if width == 1:
        whole = [titles] if titles else []
        whole.extend(row.cells for row in rows if not row.problem)
        inner = [unwrap(cells[0], delimiter) for cells in whole]
        inner = list(itertools.dropwhile(lambda cells: len(cells) == 1, inner))  # a title line
        is_quoted = len(inner) > 1 and all(row.raw[:1] == '"' for row in rows)
        has_address = any(LOOKS_LIKE_ADDRESS.fullmatch(cell) for cells in inner for cell in cells)
        # Each line is one quoted cell: a program has quoted a CSV file once more.
        if is_quoted and has_address and len({*map(len, inner)}) == 1:
            width = len(inner[0])
    return min(MAX_COLUMNS, width)


_CHOSEN_TWICE = {
    "name": "import_mapping.name_twice",
    "first_name": "import_mapping.first_name_twice",
    "last_name": "import_mapping.last_name_twice",
}


def check(columns: Sequence[Column]) -> None:
    """Raise MappingError unless there is one address column and each name is used once."""
    roles = [column.role for column in columns]
    if any(role not in ROLES for role in roles):
        raise MappingError("import_mapping.unknown_role")
    if roles.count("address") != 1:
        raise MappingError("import_mapping.one_address")
    for role, code in _CHOSEN_TWICE.items():
        if roles.count(role) > 1:
            raise MappingError(code)
    if "name" in roles and ("first_name" in roles or "last_name" in roles):
        raise MappingError("import_mapping.name_and_parts")
    names = [column.attribute for column in columns if column.role == "attribute"]
    if len(names) > MAX_ATTRIBUTES:
        raise MappingError("import_mapping.too_many_attributes", most=MAX_ATTRIBUTES)
    for name in names:
        if not _ATTRIBUTE_NAME.fullmatch(name) or len(name) > MAX_ATTRIBUTE_NAME:
            code, most = "import_mapping.bad_attribute_name", MAX_ATTRIBUTE_NAME
            raise MappingError(code, name=name, most=most)
        if names.count(name) > 1:
            raise MappingError("import_mapping.attribute_twice", name=name)


def attribute_name(title: str) -> str:
    """A title as a name that templates can use: "Postal code" is postal_code; maybe empty."""
    plain = unicodedata.normalize("NFKD", title.replace("ß", "ss")).encode("ascii", "ignore")
    name = re.sub(r"[^a-z0-9]+", "_", plain.decode().lower()).strip("_")
    return (f"a_{name}" if name[:1].isdigit() else name)[:MAX_ATTRIBUTE_NAME]


@dataclass(frozen=True, slots=True)
class StatusValue:
    """A value of a status column, how many rows have it, and what it becomes.

    `key` is the form in which values are compared; `meaning` is a key of
    import_status.MEANINGS, or empty where that must be asked.
    """

    key: str
    text: str
    count: int
    meaning: str


Statuses = Mapping[int, Mapping[str, str]]
"""What was chosen for values of status columns: column, key of the value, meaning."""


def status_values(
    file: BinaryIO,
    dialect: Dialect,
    columns: Sequence[Column],
    titles: Sequence[str],
    *,
    header_row: int,
    chosen: Statuses,
) -> dict[int, list[StatusValue]]:
    """The values of each status column, the most frequent first, as far as the file is read.

    Reads STATUS_ROWS rows at most; a value that is unknown and appears only below them makes
    its rows fail. Raises MappingError for a column with more values than anybody would map.
    """
    places = [index for index, column in enumerate(columns) if column.role == "status"]
    if not places:
        return {}
    file.seek(0)
    reader = Reader(file, dialect, columns=len(columns))
    rows = itertools.islice(reader, STATUS_ROWS)
    body = below_header(rows, header_row) if header_row else rows
    counts: dict[int, Counter[str]] = {index: Counter() for index in places}
    for cells in (row.cells for row in body if not row.problem):
        for index in places:
            counts[index][cells[index] if index < len(cells) else ""] += 1
            if len(counts[index]) > MAX_STATUS_CELLS:
                raise _too_many(titles[index])
    return {
        index: _values(titles[index], found, chosen.get(index, {}))
        for index, found in counts.items()
    }


def _values(title: str, cells: Counter[str], chosen: Mapping[str, str]) -> list[StatusValue]:
    texts: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for cell, count in cells.most_common():
        text = unguard(cell)
        value = import_status.value_key(title, text)
        texts.setdefault(value, []).append(" ".join(text.split()))
        counts[value] += count
    if len(counts) > MAX_STATUS_VALUES:
        raise _too_many(title)
    return [
        StatusValue(
            value,
            _shown(value, texts[value]),
            count,
            chosen.get(value) or import_status.default(title, value),
        )
        for value, count in counts.most_common()
    ]


def _shown(value: str, texts: Sequence[str]) -> str:
    """A value for people: where it stands for many cells, what they are and one of them."""
    if value == import_status.ANY_DATE:
        return value
    if len(texts) > 1 and value in {import_status.ANY_NUMBER, import_status.ANY_TEXT}:
        return f"{value}, such as {texts[0]}"
    return texts[0]


def _too_many(title: str) -> MappingError:
    return MappingError("import_mapping.too_many_status_values", title=title)


def checked_statuses(
    values: Mapping[int, Sequence[StatusValue]], titles: Sequence[str]
) -> dict[int, dict[str, str]]:
    """What every value means. Raises MappingError naming the values for which that is open."""
    for index, found in values.items():
        unclear = [one.text for one in found if one.meaning not in import_status.MEANINGS]
        if unclear:
            raise _unclear(titles[index], unclear)
    return {index: {one.key: one.meaning for one in found} for index, found in values.items()}


def _unclear(title: str, texts: Sequence[str]) -> MappingError:
    named = [f"“{text[:40]}”" for text in texts if text]
    shown = ", ".join(named[:10]) + (", …" if len(named) > 10 else "")
    if not named:
        return MappingError("import_mapping.unclear_empty_cells", title=title)
    if len(named) < len(texts):
        code = "import_mapping.unclear_values_and_empty_cells"
        return MappingError(code, title=title, values=shown)
    return MappingError("import_mapping.unclear_values", title=title, values=shown)


def statuses_from_json(mapping: dict[str, Any]) -> dict[int, dict[str, str]]:
    return {int(index): dict(found) for index, found in mapping.get("statuses", {}).items()}


def to_json(
    columns: Sequence[Column],
    titles: Sequence[str],
    statuses: Statuses | None = None,
    header_row: int = 0,
) -> dict[str, Any]:
    return {
        "header_row": header_row,
        "statuses": {str(index): dict(found) for index, found in (statuses or {}).items()},
        "columns": [[column.role, column.attribute] for column in columns],
        "titles": [title.replace("\0", "")[:200] for title in titles],
    }


def from_json(mapping: dict[str, Any]) -> list[Column]:
    return [Column(role, attribute) for role, attribute in mapping.get("columns", [])]


# --- guesses ---------------------------------------------------------------------------------

# As they stand in exports of other programs, in the languages most of them speak; compared
# without accents, spaces and punctuation.
_WORDS = {
    "address": """
        email mail emailaddress mailaddress emailadresse mailadresse epost epostadresse
        epostadress correo correoelectronico courriel adresseemail adressemail adresemail
        adreseemail indirizzoemail postaelettronica emailadres enderecodeemail sahkoposti
        sahkopostiosoite eposta epostaadresi adreselectronic adresaemail adresse address
        subscriberemail contactemail emailid emailaddresses primaryemail email1 emailaddress1
        email1value emailaddres メールアドレス 电子邮件 电子邮箱 邮箱 электроннаяпочта почта
        емейл emeil 이메일
    """,
    "name": """
        name fullname displayname contactname nomcomplet nombrecompleto nomecompleto
        nomeecognome vollername vollstandigername naam volledigenaam navn fulltnavn namn
        imieinazwisko celejmeno nombreyapellidos 氏名 名前 姓名 имя фио
    """,
    "first_name": """
        firstname givenname forename fname vorname prenom nombre primernombre nome primeironome
        voornaam fornavn fornamn etunimi imie jmeno krestnijmeno keresztnev ad adi prenume 名
    """,
    "last_name": """
        lastname surname familyname lname nachname familienname zuname nom nomdefamille apellido
        apellidos cognome sobrenome apelido achternaam etternavn efternavn efternamn sukunimi
        nazwisko prijmeni vezeteknev soyad soyadi nume 姓 фамилия
    """,
}
_ROLE_OF = {word: role for role, words in _WORDS.items() for word in words.split()}


def _key(title: str) -> str:
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", title) if not unicodedata.combining(char)
    )
    return "".join(char for char in plain.lower() if char.isalnum())


_KEYS = {_key(word): role for word, role in _ROLE_OF.items()}


def _is_header(cells: Sequence[str]) -> bool:
    """No address stands in a header, and its cells are words rather than data."""
    if any("@" in cell for cell in cells):
        return False
    return any(_key(cell) in _KEYS for cell in cells) or all(
        cell.strip() and not cell.strip()[0].isdigit() for cell in cells
    )


def _usual_width(rows: Sequence[Row]) -> int:
    widths = [len(row.cells) for row in rows if not row.problem]
    return max(set(widths), key=widths.count, default=0)


def _guess(columns: Sequence[tuple[str, list[str]]]) -> list[Column]:
    own = _own([title for title, _ in columns])
    if own:
        return own
    address = _address_column(columns)
    taken: set[str] = set()
    names: set[str] = set()
    guesses = []
    has_parts = {_KEYS.get(_key(title)) for title, _ in columns} & {"first_name", "last_name"}
    for index, (title, cells) in enumerate(columns):
        role = _KEYS.get(_key(title), "")
        if index == address:
            guesses.append(Column("address"))
        elif role in {"name", "first_name", "last_name"} and role not in taken:
            # "Nom" beside "Prénom" is the last name; a whole name beside both is left out.
            role = "ignore" if role == "name" and has_parts else role
            taken.add(role)
            guesses.append(Column(role))
        elif import_status.is_status(title, cells):
            guesses.append(Column("status"))
        elif (
            len(names) < MAX_ATTRIBUTES
            and title
            and cells
            and title.strip().lower() not in {"row", "problem"}
        ):
            name = plain = attribute_name(title) or f"column_{index + 1}"
            count = 1
            while name in names:
                count += 1
                name = f"{plain[: MAX_ATTRIBUTE_NAME - 4]}_{count}"
            names.add(name)
            guesses.append(Column("attribute", name))
        else:
            guesses.append(Column("ignore"))
    if taken >= {"last_name"} and "first_name" not in taken:
        # "Nom" alone, or "Surname" alone: that is the name there is.
        guesses = [Column("name") if one.role == "last_name" else one for one in guesses]
    return guesses


def _own(titles: Sequence[str]) -> list[Column]:
    """The columns of an export of ours, which are sure; empty for any other file."""
    if tuple(titles) == OWN_SUPPRESSIONS:
        roles = ("address", "status", "ignore", "ignore", "ignore")
        return [Column(role) for role in roles]
    count = len(OWN_SUBSCRIBERS)
    names, added = titles[count:], []
    if tuple(names[-2:]) == ("row", "problem"):  # the rows of such a file that failed
        names, added = names[:-2], [Column("ignore")] * 2
    if tuple(titles[:count]) != OWN_SUBSCRIBERS or len({*names}) < len(names):
        return []
    roles = ("address", "name", "status", "status", "ignore")
    return [*map(Column, roles), *(Column("attribute", name) for name in names), *added]


def _address_column(columns: Sequence[tuple[str, list[str]]]) -> int:
    """The column with the most addresses in it; among empty ones the one called so."""
    scores = [
        (
            sum("@" in cell for cell in cells) / max(1, len(cells)),
            _KEYS.get(_key(title)) == "address",
            -index,
        )
        for index, (title, cells) in enumerate(columns)
    ]
    share, is_called_so, index = max(scores, default=(0.0, False, 0))
    return -index if share >= 0.3 or is_called_so else -1
