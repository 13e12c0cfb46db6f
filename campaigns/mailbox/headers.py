"""Read the few headers that a list shows, quickly and without errors."""

import contextlib
import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from functools import lru_cache

LONGEST = 998
"""Largest length of a header, in characters; the rest is cut off."""

_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(
    rb"^(subject|from|message-id)[ \t]*:((?:[^\n]|\n(?=[ \t]))*)", re.IGNORECASE | re.MULTILINE
)
_SPACE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Headers:
    """The first header of each name; empty where there is none."""

    subject: str
    from_header: str
    message_id: str


def read_headers(raw: bytes) -> Headers:
    """Read the head of a message. Never raises, whatever it contains."""
    end = _END.search(raw)
    head = raw[: end.start()] if end else raw
    found: dict[bytes, bytes] = {}
    for match in _FIELD.finditer(head):
        found.setdefault(match[1].lower(), match[2][: 4 * LONGEST])
    return Headers(
        subject=decode(found.get(b"subject", b"").decode("utf-8", "replace")),
        from_header=decode(found.get(b"from", b"").decode("utf-8", "replace")),
        message_id=found.get(b"message-id", b"").decode("utf-8", "replace").strip(),
    )


@lru_cache(maxsize=1024)
def decode(value: str) -> str:
    """Decode a header for display, on one line and without control characters."""
    if "=?" in value:
        # Show what cannot be decoded as it is: people use the mailbox to find such mistakes.
        with contextlib.suppress(HeaderParseError, ValueError):
            # One character per octet, as decode_header returns the parts between encoded words.
            octets = value.encode("utf-8", "replace").decode("latin-1")
            value = "".join(_decode_part(*part) for part in decode_header(octets))
    return printable(value)[:LONGEST]


def printable(text: str) -> str:
    """Return the text on one line, without control characters and lone surrogates."""
    return _SPACE.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def _decode_part(part: str | bytes, charset: str | None) -> str:
    if isinstance(part, str):
        part = part.encode("latin-1")
    try:
        return part.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return part.decode("latin-1")
