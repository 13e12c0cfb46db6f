"""The mapping of a file's columns: its checks and stored form."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from campaigns.audience.fields.notation import Notation
from campaigns.audience.subscribers import MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES, RESERVED
from campaigns.reason import ReasonError
from campaigns.stored import from_stored

ROLES = (
    "ignore", "address", "name", "first_name", "last_name", "attribute", "field", "status", "tags",
)  # fmt: skip
"""Roles that a column can have."""
OWN_SUBSCRIBERS = (
    "address", "name", "first_name", "last_name", "state", "suppressed", "created_at", "tags",
)  # fmt: skip
"""First columns of our own export of subscribers. Fields and attributes follow them."""
OWN_BEFORE_NAMES = ("address", "name", "state", "suppressed", "created_at")
"""The same in exports of versions without first and last names."""
OWN_SUPPRESSIONS = ("address", "reason", "source", "note", "since")
_ATTRIBUTE_NAME = re.compile(r"[a-z_][a-z0-9_]*")


class MappingError(ReasonError):
    """The columns cannot be used like this."""


@dataclass(frozen=True, slots=True)
class Column:
    """The role of a column, one of ROLES, and its attribute or the key of its field."""

    role: str
    attribute: str = ""


Notations = Mapping[int, Notation]
"""How the dates and numbers of field columns are written, by column."""

Statuses = Mapping[int, Mapping[str, str]]
"""Meanings chosen for the values of status columns: column, key of the value, meaning."""


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
    names = [column.attribute for column in columns if column.role in {"attribute", "field"}]
    if len(names) > MAX_ATTRIBUTES:
        raise MappingError("import_mapping.too_many_attributes", most=MAX_ATTRIBUTES)
    for name in names:
        if name in RESERVED:
            raise MappingError("import_mapping.reserved_attribute", name=name)
        if not _ATTRIBUTE_NAME.fullmatch(name) or len(name) > MAX_ATTRIBUTE_NAME:
            code, most = "import_mapping.bad_attribute_name", MAX_ATTRIBUTE_NAME
            raise MappingError(code, name=name, most=most)
        if names.count(name) > 1:
            raise MappingError("import_mapping.attribute_twice", name=name)


def attribute_name(title: str) -> str:
    """Return a title as a merge tag: "Postal code" becomes postal_code. May be empty."""
    plain = unicodedata.normalize("NFKD", title.replace("ß", "ss")).encode("ascii", "ignore")
    name = re.sub(r"[^a-z0-9]+", "_", plain.decode().lower()).strip("_")
    return (f"a_{name}" if name[:1].isdigit() else name)[:MAX_ATTRIBUTE_NAME]


def statuses_from_json(mapping: dict[str, Any]) -> dict[int, dict[str, str]]:
    """Read the meanings of status values from the stored mapping, by column."""
    return {int(index): dict(found) for index, found in mapping.get("statuses", {}).items()}


def to_json(
    columns: Sequence[Column],
    titles: Sequence[str],
    statuses: Statuses | None = None,
    header_row: int = 0,
    *,
    notations: Notations | None = None,
    leaves_out: bool = False,
) -> dict[str, Any]:
    """Return the mapping in its stored form."""
    return {
        "header_row": header_row,
        "statuses": {str(index): dict(found) for index, found in (statuses or {}).items()},
        "notations": {str(index): asdict(one) for index, one in (notations or {}).items()},
        "leaves_out": leaves_out,
        "columns": [[column.role, column.attribute] for column in columns],
        "titles": [title.replace("\0", "")[:200] for title in titles],
    }


def notations_from_json(mapping: dict[str, Any]) -> dict[int, Notation]:
    """Read how field columns are written from the stored mapping, by column."""
    stored = mapping.get("notations", {})
    return {int(index): from_stored(Notation, found) for index, found in stored.items()}


def from_json(mapping: dict[str, Any]) -> list[Column]:
    """Read the columns from the stored mapping."""
    return [Column(role, attribute) for role, attribute in mapping.get("columns", [])]
