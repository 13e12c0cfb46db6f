"""Guess the contents of columns by their titles and cells."""

import unicodedata
from collections.abc import Iterable, Sequence

from campaigns.audience.fields.definitions import Definition
from campaigns.audience.imports import statuses as import_status
from campaigns.audience.imports.mapping import (
    OWN_BEFORE_NAMES,
    OWN_SUBSCRIBERS,
    OWN_SUPPRESSIONS,
    Column,
    attribute_name,
)
from campaigns.audience.subscribers import MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES, RESERVED

# Titles in exports of other programs, in common languages; compared without accents, spaces and
# punctuation.
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
    "tags": """
        tags tag subscribertags contacttags schlagworter schlagworte etiquetas etiquettes etichette
        etiketter
    """,
}
_ROLE_OF = {word: role for role, words in _WORDS.items() for word in words.split()}


def _key(title: str) -> str:
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", title) if not unicodedata.combining(char)
    )
    return "".join(char for char in plain.lower() if char.isalnum())


_ROLE_OF_KEY = {_key(word): role for word, role in _ROLE_OF.items()}


def role_of(title: str) -> str:
    """Return the role that a title stands for; "" if it is not known."""
    return _ROLE_OF_KEY.get(_key(title), "")


def is_header(cells: Sequence[str]) -> bool:
    """Return whether a row is a header: it has no address, and words rather than data."""
    if any("@" in cell for cell in cells):
        return False
    return any(role_of(cell) for cell in cells) or all(
        cell.strip() and not cell.strip()[0].isdigit() for cell in cells
    )


def guess(columns: Sequence[tuple[str, list[str]]]) -> list[Column]:
    """Guess the role of each column by its (title, cells)."""
    own = _own([title for title, _ in columns])
    if own:
        return own
    address = _address_column(columns)
    taken: set[str] = set()
    names: set[str] = set()
    guesses = []
    for index, (title, cells) in enumerate(columns):
        role = role_of(title)
        if index == address:
            guesses.append(Column("address"))
        elif role in {"name", "first_name", "last_name"} and role not in taken:
            taken.add(role)
            guesses.append(Column(role))
        elif role == "tags":
            guesses.append(Column("tags"))
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
            while name in names or name in RESERVED:
                count += 1
                name = f"{plain[: MAX_ATTRIBUTE_NAME - 4]}_{count}"
            names.add(name)
            guesses.append(Column("attribute", name))
        else:
            guesses.append(Column("ignore"))
    if "last_name" in taken and not taken & {"first_name", "name"}:
        # "Nom" alone, or "Surname" alone: it is the only name.
        guesses = [Column("name") if one.role == "last_name" else one for one in guesses]
    return guesses


def with_fields(
    columns: Sequence[Column], titles: Sequence[str], fields: Iterable[Definition]
) -> list[Column]:
    """Let columns with the name or the key of a custom field fill the field."""
    by_name = {name.casefold(): one.key for one in fields for name in (one.label, one.key)}
    found: list[Column] = []
    for column, title in zip(columns, titles, strict=True):
        key = by_name.get(title.casefold()) or by_name.get(column.attribute)
        chosen = Column("field", key or "")
        is_free = key and column.role == "attribute" and chosen not in found
        found.append(chosen if is_free else column)
    return found


def _own(titles: Sequence[str]) -> list[Column]:
    """Return the columns of our own exports, which are known; empty for any other file."""
    if tuple(titles) == OWN_SUPPRESSIONS:
        roles = ("address", "status", "ignore", "ignore", "ignore")
        return [Column(role) for role in roles]
    own = next(
        (own for own in (OWN_SUBSCRIBERS, OWN_BEFORE_NAMES) if tuple(titles[: len(own)]) == own), ()
    )
    names, added = titles[len(own) :], []
    if tuple(names[-2:]) == ("row", "problem"):  # the rows of such a file that failed
        names, added = names[:-2], [Column("ignore")] * 2
    if not own or len({*names}) < len(names):
        return []
    return [
        *(Column(_OWN_ROLES.get(title, title)) for title in own),
        *(Column("attribute", name) for name in names),
        *added,
    ]


_OWN_ROLES = {"state": "status", "suppressed": "status", "created_at": "ignore"}


def _address_column(columns: Sequence[tuple[str, list[str]]]) -> int:
    """Return the column with the most addresses; among empty ones, one with such a title."""
    scores = [
        (
            sum("@" in cell for cell in cells) / max(1, len(cells)),
            role_of(title) == "address",
            -index,
        )
        for index, (title, cells) in enumerate(columns)
    ]
    share, is_called_so, index = max(scores, default=(0.0, False, 0))
    return -index if share >= 0.3 or is_called_so else -1
