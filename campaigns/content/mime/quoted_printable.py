"""Quoted-printable in pieces (RFC 2045, 6.7): constant parts are encoded once per campaign.

A body consists of literal pieces, which are constants of the template's code, and personal ones.
Each piece is encoded separately and ends in a soft line break (or a line ending), so pieces can be
joined in any order and no line is longer than 76. No line begins with a dot, so SMTP needs no
dot-stuffing.
"""

import re
from binascii import a2b_qp, b2a_qp
from collections.abc import Iterable
from functools import lru_cache

from campaigns.content.html.plain_text import LINE, PARAGRAPH, tidy

CRLF = b"\r\n"
SOFT = b"=\r\n"
_OPEN_CR = b"\0"
"""A CR at the end of a piece, which is one line ending with an LF at the start of the next."""
_ROOM = 75
"""Longest line before its soft break, in characters."""
_FIRST_ROOM = 73
"""Longest first line of a piece, with room for two spaces before it; see `_blanks`."""
_SPECIAL = re.compile(rb"[^ -~\t\n]+")
_QUIET = bytes({*range(32, 127), *range(128, 256)} - {*b"=&<>'\""})


class Ready(str):
    """Text that is already encoded."""

    __slots__ = ("encoded",)
    encoded: bytes

    def __html__(self) -> str:
        return self


def encode(text: str) -> bytes:
    """Encode a piece of any length. All kinds of line endings become CRLF."""
    if "\r" in text:
        return _encode_returns(text)
    raw = text.encode("utf-8", "replace")
    escaped = _SPECIAL.sub(_escape, raw.replace(b"=", b"=3D")).decode("ascii")
    *ended, rest = escaped.split("\n")
    lines = [_folded(_visible_end(line), not number) for number, line in enumerate(ended)]
    encoded = "".join([line + "\r\n" for line in lines])
    if rest:
        encoded += _folded(rest, not lines) + "=\r\n"
    return encoded.encode("ascii")


def _encode_returns(text: str) -> bytes:
    encoded = encode(text.replace("\r\n", "\n").replace("\r", "\n"))
    if text.endswith("\r"):
        encoded = encoded[: -len(CRLF)] + _OPEN_CR
    # A line ending of its own, whatever comes before it.
    return SOFT + encoded if text.startswith("\r") else encoded


def _escape(found: re.Match[bytes]) -> bytes:
    return b"=" + found[0].hex("=").upper().encode("ascii")


def _visible_end(line: str) -> str:
    """Encode a space at the end of a line, which could be lost in transit."""
    return f"{line[:-1]}={ord(line[-1]):02X}" if line.endswith((" ", "\t")) else line


def _folded(line: str, is_first: bool) -> str:
    """Fold an escaped line by soft breaks, so that no line begins with a dot."""
    lines = []
    begin, room = 0, _FIRST_ROOM if is_first else _ROOM
    while True:
        dot = ""
        if line.startswith(".", begin):
            dot, begin, room = "=2E", begin + 1, room - 3
        if len(line) - begin <= room:
            lines.append(dot + line[begin:])
            return "=\r\n".join(lines)
        end = begin + room
        escape = line.find("=", end - 2, end)  # never inside an escape
        if escape > begin:
            end = escape
        lines.append(dot + line[begin:end])
        begin, room = end, _ROOM


@lru_cache(maxsize=4096)
def short(text: str) -> bytes | None:
    """Encode a short, plain personal piece, the usual case. None: it needs `encode`.

    Cached: values occur in both parts, and many people live in the same town.
    """
    raw = text.encode("utf-8", "replace")
    if raw.translate(None, _QUIET) or raw.startswith((b".", b" ")) or raw.endswith(b" "):
        return None
    if raw.isascii() and len(raw) <= _FIRST_ROOM:
        return raw + SOFT if raw else b""
    return b2a_qp(raw) + SOFT if len(raw) * 3 <= _FIRST_ROOM else None


def join(pieces: Iterable[bytes]) -> bytes:
    """Join pieces to a body, which may lack its last line ending."""
    body = b"".join(pieces)
    if _OPEN_CR in body:
        body = body.replace(_OPEN_CR + CRLF, CRLF).replace(_OPEN_CR, CRLF)
    return body


def ended(body: bytes) -> bytes:
    """Return the body with a final line ending."""
    return body if body.endswith(CRLF) and not body.endswith(SOFT) else body + CRLF


def encode_whole(text: str) -> bytes:
    """Encode a whole text."""
    return ended(join((encode(text),)))


def decode(body: bytes) -> str:
    """Decode a body to text with LF line endings."""
    return a2b_qp(body).decode("utf-8").replace("\r\n", "\n")


# --- the text part ---------------------------------------------------------------------------
# The result of a run of spaces and break marks depends on its neighbours, which vary with
# conditions. The result equals `tidy` applied to the whole text.

_RUN = f" \n{LINE}{PARAGRAPH}"
_START = "^"


class Edged(tuple[str, bytes, str]):
    """A piece with runs at its edges: first run, middle, last run."""

    __slots__ = ()

    def __len__(self) -> int:
        return sum(map(len, self))


TextPiece = str | bytes | Edged
"""A run of spaces and marks; encoded text; or both."""


def split(piece: str) -> TextPiece:
    """Split a literal text into its ends and its encoded middle."""
    inner = piece.lstrip(_RUN)
    middle = inner.rstrip(_RUN)
    if not middle:
        return piece
    encoded = encode(tidy(middle))
    if len(middle) == len(piece):
        return encoded
    return Edged((piece[: len(piece) - len(inner)], encoded, inner[len(middle) :]))


def join_text(pieces: Iterable[TextPiece]) -> bytes:
    """Join text pieces like `join`, without empty lines at the beginning."""
    encoded: list[bytes] = []
    add = encoded.append
    run = _START
    for piece in pieces:
        if type(piece) is str:
            run += piece
        elif type(piece) is bytes:
            if run:
                add(_blanks(run))
                run = ""
            add(piece)
        elif isinstance(piece, Edged):
            begin, middle, end = piece
            add(_blanks(run + begin))
            add(middle)
            run = end
    add(_last_blanks(run))
    return join(encoded)


def _resolved(run: str) -> str:
    text = tidy(run.removeprefix(_START))
    return text.lstrip("\n") if run.startswith(_START) else text


@lru_cache(maxsize=256)
def _blanks(run: str) -> bytes:
    """Return the run between two pieces. One or two spaces precede a piece on its own line."""
    text = _resolved(run)
    return text.encode("ascii") if text in {"", " ", "  "} else encode(text)


@lru_cache(maxsize=256)
def _last_blanks(run: str) -> bytes:
    return encode(_resolved(run))
