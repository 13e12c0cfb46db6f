"""Turn a row of a file into a person, or the reason why it cannot be imported."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns import addresses
from campaigns.addresses import Address, InvalidAddressError
from campaigns.audience import tags
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.notation import UNKNOWN, Notation
from campaigns.audience.fields.types import Value, ValueProblemError
from campaigns.audience.imports import statuses as import_status
from campaigns.audience.imports.mapping import Column, Notations, Statuses
from campaigns.audience.imports.reader import CsvRow
from campaigns.audience.subscribers import MAX_ATTRIBUTE_VALUE, MAX_NAME, Names
from campaigns.csv_writing import unguard
from campaigns.reason import Parameter, Reason

_PLAIN_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
MAX_KNOWN_DOMAINS = 20_000
MAX_KNOWN_STATUSES = 1_000
MAX_KNOWN_VALUES = 1_000


class RowProblemError(ValueError):
    """This row cannot be imported."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


@dataclass(slots=True)
class Person:
    """One valid row. Empty values are missing in the file."""

    row: CsvRow
    address: Address
    names: Names
    attributes: dict[str, Any]
    left_out: tuple[Reason, ...] = ()
    """Why values were left out."""
    state: str = "subscribed"
    """State on the list: subscribed, pending or unsubscribed; "skip": not added."""
    suppression: str = ""
    """Suppression reason that the row implies; "" for none."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Names of tags to add, by their normal form."""


class AddressReader:
    """A fast addresses.parse for many plain addresses at few domains.

    Domains are checked once. Only certainly valid local parts take the short path, so results are
    the same.
    """

    def __init__(self) -> None:
        self._domains: dict[str, str] = {}

    def parse(self, text: str) -> Address:
        """Return the address of this text. Raises InvalidAddressError."""
        text = text.strip()
        local, _, domain = text.partition("@")
        known = self._domains.get(domain)
        if (
            known is not None
            and len(local) <= 64
            and len(local) + len(known) < addresses.MAX_ADDRESS_LENGTH
            and _PLAIN_LOCAL_PART.fullmatch(local)
        ):
            wire = f"{local}@{known}"
            return Address(text=wire, normal=addresses.normalise(wire), domain=known)
        found = addresses.parse(text)
        if domain.lower() == found.domain:
            if len(self._domains) >= MAX_KNOWN_DOMAINS:
                self._domains.clear()
            self._domains[domain] = found.domain
        return found


_ADDRESSES = AddressReader()
"""One for the process: an import is read in many short slices, and domains repeat."""


@dataclass
class RowReader:
    """Turns rows into people, by a mapping that `mapping.check` has accepted."""

    columns: Sequence[Column]
    titles: Sequence[str] = ()
    statuses: Statuses = field(default_factory=dict)
    fields: Mapping[str, Definition] = field(default_factory=dict)
    """The custom fields, by key: they also read attribute columns with the name of a key."""
    notations: Notations = field(default_factory=dict)
    leaves_out: bool = False
    """Whether a row is imported without the values that do not fit."""
    _addresses: AddressReader = field(default=_ADDRESSES)

    def __post_init__(self) -> None:
        places = {column.role: index for index, column in enumerate(self.columns)}
        self._address_at = places["address"]
        self._names_at = tuple(places.get(role, -1) for role in ("name", "first_name", "last_name"))
        self._attributes_at = tuple(
            (index, column.attribute)
            for index, column in enumerate(self.columns)
            if column.role in {"attribute", "field"} and column.attribute not in self.fields
        )
        self._fields = [
            _FieldColumn(index, self.fields[column.attribute], self.notations.get(index, UNKNOWN))
            for index, column in enumerate(self.columns)
            if column.role in {"attribute", "field"} and column.attribute in self.fields
        ]
        self._tags_at = [at for at, column in enumerate(self.columns) if column.role == "tags"]
        self._statuses = [
            _StatusColumn(index, self._title(index), self.statuses.get(index, {}))
            for index, column in enumerate(self.columns)
            if column.role == "status"
        ]

    def _title(self, index: int) -> str:
        return self.titles[index] if index < len(self.titles) else ""

    def person(self, row: CsvRow) -> Person:
        """Return the person of a row. Raises RowProblemError."""
        if row.problem:
            raise RowProblemError(row.problem)
        cells, width = row.cells, len(self.columns)
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            counts = {"cells": len(cells), "expected": width}
            raise RowProblemError(Reason("import_row.too_many_cells", counts))
        if self._address_at >= len(cells) or not addresses.normalise(cells[self._address_at]):
            raise RowProblemError(Reason("import_row.no_address"))
        try:
            address = self._addresses.parse(unguard(cells[self._address_at]))
        except InvalidAddressError as error:
            raise RowProblemError(error.reason) from None
        # Some programs leave out empty cells at the end of a row.
        names = self._names(cells)
        attributes = self._attributes(cells)
        left_out = self._read_fields(cells, attributes) if self._fields else ()
        person = Person(row, address, names, attributes, left_out)
        if self._statuses:
            person.state, person.suppression = self._status(cells)
        if self._tags_at:
            person.tags = self._tags(cells)
        return person

    def _tags(self, cells: list[str]) -> dict[str, str]:
        text = ",".join(clean(cells[at]) for at in self._tags_at if at < len(cells))
        try:
            return {tags.normal(name): name for name in tags.names_in(text)}
        except tags.TagError as error:
            raise RowProblemError(error.reason) from None

    def _status(self, cells: list[str]) -> tuple[str, str]:
        """Return the state and the reason of a suppression, "" for none."""
        meanings = [(column.is_own, column.meaning(cells)) for column in self._statuses]
        strictest = import_status.strictest(meaning for _, meaning in meanings)
        reason = import_status.SUPPRESSION_REASONS.get(strictest, "")
        if not reason:
            return strictest, ""
        # Our own exports have both state and suppression; other files have only one.
        states = [meaning for is_own, meaning in meanings if not is_own]
        if len(states) == len(meanings) or not states:
            return "unsubscribed", reason
        state = import_status.strictest(states)
        return ("unsubscribed" if state in import_status.SUPPRESSION_REASONS else state), reason

    def _names(self, cells: list[str]) -> Names:
        names = [clean(cells[at]) if 0 <= at < len(cells) else "" for at in self._names_at]
        if any(len(name) > MAX_NAME for name in names):
            raise RowProblemError(Reason("import_row.name_too_long", {"most": MAX_NAME}))
        return Names(*names)

    def _read_fields(self, cells: list[str], attributes: dict[str, Any]) -> tuple[Reason, ...]:
        """Add the values of fields; returns why some are left out."""
        problems = []
        for column in self._fields:
            found = column.read(cells[column.index]) if column.index < len(cells) else None
            if isinstance(found, Reason):
                problems.append(found)
            elif found is not None:
                attributes[column.key] = found
        if problems and not self.leaves_out:
            raise RowProblemError(problems[0])
        return tuple(problems)

    def _attributes(self, cells: list[str]) -> dict[str, str]:
        found = {}
        for at, name in self._attributes_at:
            if at < len(cells) and (value := clean(cells[at])):
                if len(value) > MAX_ATTRIBUTE_VALUE:
                    limits: dict[str, Parameter] = {"name": name, "most": MAX_ATTRIBUTE_VALUE}
                    raise RowProblemError(Reason("import_row.attribute_too_long", limits))
                found[name] = value
        return found


class _FieldColumn:
    """A column of a custom field. Caches values, as few values repeat in many rows."""

    def __init__(self, index: int, one: Definition, written: Notation) -> None:
        self.index, self.key = index, one.key
        self._field, self._written = one, written
        self._known: dict[str, Value | Reason] = {}

    def read(self, cell: str) -> Value | Reason | None:
        """Return the value of a cell, None if it is empty, or why it does not fit."""
        found = self._known.get(cell)
        if found is None:
            text = clean(cell)
            if not text:
                return None
            try:
                found = self._field.kind.parse(text, self._field, self._written)
            except ValueProblemError as error:
                about = {"label": self._field.label, "problem": error.reason}
                found = Reason("import_row.bad_value", about)
            if len(self._known) < MAX_KNOWN_VALUES:
                self._known[cell] = found
        return found


class _StatusColumn:
    """A status column. Caches the meaning of values, as few values repeat in many rows."""

    def __init__(self, index: int, title: str, chosen: Mapping[str, str]) -> None:
        self.is_own = title == import_status.OWN_SUPPRESSION
        self._index, self._title, self._chosen = index, title, chosen
        self._known: dict[str, str] = {}

    def meaning(self, cells: list[str]) -> str:
        """Return the meaning of a cell. Raises RowProblemError for unknown values."""
        cell = cells[self._index] if self._index < len(cells) else ""
        found = self._known.get(cell)
        if found is None:
            value = import_status.value_key(self._title, unguard(cell))
            found = self._chosen.get(value) or import_status.default(self._title, value)
            if not found:
                unknown = {"value": clean(cell)[:60], "title": self._title}
                raise RowProblemError(Reason("import_row.unknown_status", unknown))
            if len(self._known) < MAX_KNOWN_STATUSES:
                self._known[cell] = found
        return found


def clean(cell: str) -> str:
    """Return a cell as one line without control characters and outer spaces.

    Removes the apostrophe with which our exports escape a cell.
    """
    cell = unguard(cell)
    if _CONTROL.search(cell):
        cell = " ".join(_CONTROL.sub(" ", cell).split())
    return cell.strip()
