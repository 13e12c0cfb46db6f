"""From a row of a file to a person, or to the sentence that says why it cannot be taken."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from campaigns import addresses
from campaigns.addresses import Address, InvalidAddressError
from campaigns.audience.imports import statuses as import_status
from campaigns.audience.imports.mapping import Column, Statuses
from campaigns.audience.imports.reader import Row
from campaigns.audience.subscribers import MAX_ATTRIBUTE_VALUE, MAX_NAME
from campaigns.csv_writing import unguard

_PLAIN_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
MAX_KNOWN_DOMAINS = 20_000
MAX_KNOWN_STATUSES = 1_000


class RowProblemError(ValueError):
    """This row cannot be taken. The message says why."""


@dataclass(slots=True)
class Person:
    """One valid row. Empty values mean that the file says nothing about them."""

    row: Row
    address: Address
    name: str
    attributes: dict[str, str]
    state: str = "subscribed"
    """State in the list: subscribed, pending or unsubscribed; "skip": the file wants them left
    out."""
    suppression: str = ""
    """Reason for which the address is to be suppressed."""


class AddressReader:
    """addresses.parse, made fast for the many plain addresses of few domains.

    A domain that passed the whole check once is not checked again; only local parts that are
    plainly fine take the short way, so the answers are the same.
    """

    def __init__(self) -> None:
        self._domains: dict[str, str] = {}

    def parse(self, text: str) -> Address:
        """Raises InvalidAddressError."""
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
"""One for the process: an import is read in many short slices, and domains come again."""


@dataclass
class RowReader:
    """Turns rows into people by a mapping that `import_mapping.check` has passed."""

    columns: Sequence[Column]
    titles: Sequence[str] = ()
    statuses: Statuses = field(default_factory=dict)
    _addresses: AddressReader = field(default=_ADDRESSES)

    def __post_init__(self) -> None:
        places = {column.role: index for index, column in enumerate(self.columns)}
        self._address_at = places["address"]
        self._name_at = tuple(
            places[role] for role in ("name", "first_name", "last_name") if role in places
        )
        self._attributes_at = tuple(
            (index, column.attribute)
            for index, column in enumerate(self.columns)
            if column.role == "attribute"
        )
        self._statuses = [
            _StatusColumn(index, self._title(index), self.statuses.get(index, {}))
            for index, column in enumerate(self.columns)
            if column.role == "status"
        ]

    def _title(self, index: int) -> str:
        return self.titles[index] if index < len(self.titles) else ""

    def person(self, row: Row) -> Person:
        """Raises RowProblemError."""
        if row.problem:
            raise RowProblemError(row.problem)
        cells, width = row.cells, len(self.columns)
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            raise RowProblemError(
                f"The row has {len(cells)} cells where {width} are expected: a cell that holds "
                "the delimiter must stand in quotation marks."
            )
        if self._address_at >= len(cells) or not addresses.normalise(cells[self._address_at]):
            raise RowProblemError("The row has no address.")
        try:
            address = self._addresses.parse(unguard(cells[self._address_at]))
        except InvalidAddressError as error:
            raise RowProblemError(str(error)) from None
        # Cells at the end that are empty may be missing: some programs leave them out.
        name = " ".join(
            part for at in self._name_at if at < len(cells) and (part := clean(cells[at]))
        )
        if len(name) > MAX_NAME:
            raise RowProblemError(f"The name is longer than {MAX_NAME} characters.")
        attributes = self._attributes(cells)
        if not self._statuses:
            return Person(row, address, name, attributes)
        return Person(row, address, name, attributes, *self._status(cells))

    def _status(self, cells: list[str]) -> tuple[str, str]:
        """The state and, for who is to be suppressed, the reason."""
        meanings = [(column.is_own, column.meaning(cells)) for column in self._statuses]
        strictest = import_status.strictest(meaning for _, meaning in meanings)
        reason = import_status.SUPPRESSION_REASONS.get(strictest, "")
        if not reason:
            return strictest, ""
        # Our own exports tell the state beside the suppression; elsewhere there is only one.
        states = [meaning for is_own, meaning in meanings if not is_own]
        if len(states) == len(meanings) or not states:
            return "unsubscribed", reason
        state = import_status.strictest(states)
        return ("unsubscribed" if state in import_status.SUPPRESSION_REASONS else state), reason

    def _attributes(self, cells: list[str]) -> dict[str, str]:
        found = {}
        for at, name in self._attributes_at:
            if at < len(cells) and (value := clean(cells[at])):
                if len(value) > MAX_ATTRIBUTE_VALUE:
                    raise RowProblemError(
                        f"“{name}” is longer than {MAX_ATTRIBUTE_VALUE} characters."
                    )
                found[name] = value
        return found


class _StatusColumn:
    """A status column: what its cells mean, remembered, as few values come again and again."""

    def __init__(self, index: int, title: str, chosen: Mapping[str, str]) -> None:
        self.is_own = title == import_status.OWN_SUPPRESSION
        self._index, self._title, self._chosen = index, title, chosen
        self._known: dict[str, str] = {}

    def meaning(self, cells: list[str]) -> str:
        """Raises RowProblemError for a value that nobody explained."""
        cell = cells[self._index] if self._index < len(cells) else ""
        found = self._known.get(cell)
        if found is None:
            value = import_status.value_key(self._title, unguard(cell))
            found = self._chosen.get(value) or import_status.default(self._title, value)
            if not found:
                raise RowProblemError(
                    f"“{clean(cell)[:60]}” in the column “{self._title}” is not a known status. "
                    "Import this row again and choose what it means."
                )
            if len(self._known) < MAX_KNOWN_STATUSES:
                self._known[cell] = found
        return found


def clean(cell: str) -> str:
    """A cell as one line without control characters and outer spaces.

    The apostrophe by which our own export shields a cell is taken away again.
    """
    cell = unguard(cell)
    if _CONTROL.search(cell):
        cell = " ".join(_CONTROL.sub(" ", cell).split())
    return cell.strip()
