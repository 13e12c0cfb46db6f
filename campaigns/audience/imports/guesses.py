"""Guess the contents of columns by their titles and cells."""

import unicodedata
from collections.abc import Sequence

from campaigns.audience.imports import statuses as import_status
from campaigns.audience.imports.mapping import (
    OWN_SUBSCRIBERS,
    OWN_SUPPRESSIONS,
    Column,
    attribute_name,
)
from campaigns.audience.subscribers import MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES

# As in exports of other programs, in common languages; compared without accents, spaces and
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
    has_parts = {role_of(title) for title, _ in columns} & {
        "first_name",
        "last_name",
    }
    for index, (title, cells) in enumerate(columns):
        role = role_of(title)
        if index == address:
            guesses.append(Column("address"))
        elif role in {"name", "first_name", "last_name"} and role not in taken:
            # "Nom" next to "Prénom" is the last name; a full name next to both is ignored.
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
        # "Nom" alone, or "Surname" alone: it is the only name.
        guesses = [Column("name") if one.role == "last_name" else one for one in guesses]
    return guesses


def _own(titles: Sequence[str]) -> list[Column]:
    """Return the columns of our own exports, which are known; empty for any other file."""
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
