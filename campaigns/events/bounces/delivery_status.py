"""Delivery reports by RFC 3464: the fields of a message/delivery-status part.

Some servers put these fields into plain text, so they are also searched there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from campaigns.events.bounces.addresses import first_address, tidy
from campaigns.events.bounces.mime import first, headers_of, words
from campaigns.events.bounces.replies import ServerReply, reply_in
from campaigns.events.bounces.values import Kind

PART_KINDS = (
    "message/delivery-status",
    "message/global-delivery-status",
    "message/delivery_status",
)
MAX_BLOCKS = 1_000
MAX_DIAGNOSTICS = 20
"""Number of diagnostic codes of one recipient that are read."""
_FIRST_FIELD = re.compile(r"\s{0,20}(?:reporting-mta|final-recipient)\s?:", re.IGNORECASE)

Fields = Mapping[str, list[str]]


def is_status(kind: str, text: str) -> bool:
    """Return whether a part has the fields of a report, which some gateways label as a file."""
    is_file = kind.startswith("application/") and bool(_FIRST_FIELD.match(text))
    return kind in PART_KINDS or is_file


class _Values:
    """Reads values, each of them once: the recipients of a report may share long ones."""

    def __init__(self) -> None:
        self.address = cache(_address)
        self.reply = cache(_reply_in)


class RecipientStatus:
    """The fields about one recipient."""

    def __init__(self, fields: Fields, values: _Values) -> None:
        self._fields, self._values = fields, values

    @property
    def kind(self) -> Kind:
        """What happened, by the action; without a known one, by the status."""
        action = first(self._fields, "action").lower()
        for word, kind in _ACTIONS.items():
            if action.startswith(word):
                return kind
        by_status: dict[str, Kind] = {"2": "delivered", "4": "bounce", "5": "bounce"}
        return by_status.get(self.reply.status[:1], "bounce")

    @property
    def recipients(self) -> tuple[str, str]:
        """The recipient as the sender wrote it, and as the last server knew it."""
        address = self._values.address
        return (
            address(first(self._fields, "original-recipient")),
            address(
                first(self._fields, "final-recipient") or first(self._fields, "x-actual-recipient")
            ),
        )

    @property
    def reply(self) -> ServerReply:
        """The reply of the server, with the codes."""
        found = self._values.reply(tuple(self._fields.get("diagnostic-code", ())[:MAX_DIAGNOSTICS]))
        status = _STATUS.search(first(self._fields, "status"))
        return replace(found, stated=status[0] if status else "")

    @property
    def at(self) -> str:
        """When the server tried last."""
        return first(self._fields, "last-attempt-date")


_ACTIONS: dict[str, Kind] = {
    "fail": "bounce",
    "delayed": "delay",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


def is_specific(status: str) -> bool:
    """Return whether a status states a cause: not "5.0.0" and the like."""
    return bool(status) and not status.endswith(".0")


def statuses(text: str) -> Iterator[RecipientStatus]:
    """Yield the fields for each recipient, from a part or from plain text."""
    values = _Values()
    for block in _blocks(text):
        if _is_of_recipient(block):
            for fields in _recipients(block):
                yield RecipientStatus(fields, values)


def _recipients(block: Fields) -> Iterator[Fields]:
    """Yield the fields for each recipient: some servers write no empty line between them."""
    count = len(block["final-recipient"]) if "final-recipient" in block else 1
    read = {name: block[name] for name in _READ if name in block}
    for number in range(count):
        yield {
            name: [values[number]] if len(values) == count > 1 else values
            for name, values in read.items()
        }


_READ = (
    "original-recipient",
    "final-recipient",
    "x-actual-recipient",
    "action",
    "status",
    "diagnostic-code",
    "last-attempt-date",
)
"""Fields that are read. A block may have hundreds of others, and a thousand recipients."""


def _is_of_recipient(fields: Fields) -> bool:
    if not ("final-recipient" in fields or "original-recipient" in fields):
        return False
    return "action" in fields or "status" in fields or "diagnostic-code" in fields


def _blocks(text: str) -> Iterator[Fields]:
    for block in re.split(r"\n[ \t]*\n", text, maxsplit=MAX_BLOCKS)[:MAX_BLOCKS]:
        fields = headers_of(block.strip("\n"))
        if fields:
            yield fields


def _reply_in(diagnostics: tuple[str, ...]) -> ServerReply:
    words_of_it = " ".join(_after_type(one) for one in diagnostics)
    return reply_in(" ".join(words_of_it.split()))


def _after_type(value: str) -> str:
    """Return a typed value (RFC 3464 2.1.2) without its type."""
    head, separator, tail = value.partition(";")
    is_type = separator and re.fullmatch(r"\s*[\w-]{1,40}\s*", head)
    return words(tail if is_type else value).strip()


def _address(value: str) -> str:
    text = _after_type(value)
    if re.search(r"\+[0-9A-F]{2}", text) and "@" not in text:
        text = re.sub(r"\+([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), text)  # xtext
    text = re.sub(r"\\x\{([0-9A-Fa-f]{2,6})\}", _unitext, text)
    is_one = "@" in text[1:] and " " not in text and not text.startswith(("@", "<@"))
    return first_address(text) or (tidy(text) if is_one else "")


def _unitext(code: re.Match[str]) -> str:
    """Decode a character as in RFC 6533."""
    number = int(code[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""
