"""Delivery reports by RFC 3464: the fields of a message/delivery-status part.

Some servers put these fields into plain text, so they are also searched there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

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
_FIRST_FIELD = re.compile(r"\s{0,20}(?:reporting-mta|final-recipient)\s?:", re.IGNORECASE)

Fields = Mapping[str, list[str]]


def is_status(kind: str, text: str) -> bool:
    """Return whether a part has the fields of a report, which some gateways label as a file."""
    is_file = kind.startswith("application/") and bool(_FIRST_FIELD.match(text))
    return kind in PART_KINDS or is_file


class RecipientStatus:
    """The fields about one recipient."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

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
        return (
            _address(first(self._fields, "original-recipient")),
            _address(
                first(self._fields, "final-recipient") or first(self._fields, "x-actual-recipient")
            ),
        )

    @property
    def reply(self) -> ServerReply:
        """The reply of the server, with the codes."""
        diagnostics = [_after_type(one) for one in self._fields.get("diagnostic-code", [])]
        words_of_it = " ".join(" ".join(diagnostics).split())
        found = reply_in(words_of_it)
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


def statuses(text: str) -> list[RecipientStatus]:
    """Return the fields for each recipient, from a part or from plain text."""
    return [
        RecipientStatus(one)
        for block in _blocks(text)
        if _is_of_recipient(block)
        for one in _recipients(block)
    ]


def _recipients(block: Fields) -> list[Fields]:
    """Return the fields for each recipient: some servers write no empty line between them."""
    count = min(len(block.get("final-recipient", ())), MAX_BLOCKS)
    if count < 2:
        return [block]
    return [
        {
            name: [values[number]] if len(values) == count else values
            for name, values in block.items()
        }
        for number in range(count)
    ]


def _is_of_recipient(fields: Fields) -> bool:
    if not ("final-recipient" in fields or "original-recipient" in fields):
        return False
    return "action" in fields or "status" in fields or "diagnostic-code" in fields


def _blocks(text: str) -> Iterator[Fields]:
    for block in re.split(r"\n[ \t]*\n", text, maxsplit=MAX_BLOCKS)[:MAX_BLOCKS]:
        fields = headers_of(block.strip("\n"))
        if fields:
            yield fields


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
