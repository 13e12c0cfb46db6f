"""Quoted-printable in pieces (RFC 2045, 6.7): what is the same for everybody is encoded once.

A template gives its output piece by piece: literal ones, which are constants of its code, and
personal ones. Every piece is encoded by itself and ends in a soft line break (or a line end),
so pieces may follow each other in any order and no line is ever longer than 76. No line begins
with a dot, so that SMTP has nothing to double.
"""

import re
from binascii import b2a_qp
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from campaigns.content.text import LINE, PARAGRAPH, tidy

CRLF = b"\r\n"
SOFT = b"=\r\n"
_ROOM = 75
"""What a line may hold before its soft break."""
_FIRST_ROOM = 73
"""The first line of a piece leaves room for two blanks before it; see TextPieces."""
_QUIET = bytes({*range(32, 127), *range(128, 256)} - {ord("=")})
_SPECIAL = re.compile(rb"[^ -~\t\n]{1,24}")
"""Three characters each: few enough for binascii not to fold them."""


def encode(text: str) -> bytes:
    """A piece of any length. All kinds of line ends become CRLF."""
    raw = text.encode("utf-8", "replace").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    escaped = _SPECIAL.sub(_escape, raw.replace(b"=", b"=3D")).decode("ascii")
    *ended, rest = escaped.split("\n")
    lines = [_folded(_visible_end(line), not number) for number, line in enumerate(ended)]
    encoded = "".join([line + "\r\n" for line in lines])
    if rest:
        encoded += _folded(rest, not lines) + "=\r\n"
    return encoded.encode("ascii")


def _escape(found: re.Match[bytes]) -> bytes:
    return b2a_qp(found[0], istext=False)


def _visible_end(line: str) -> str:
    """A blank at the end of a line could get lost on its way."""
    return f"{line[:-1]}={ord(line[-1]):02X}" if line.endswith((" ", "\t")) else line


def _folded(line: str, is_first: bool) -> str:
    """An escaped line, with soft breaks where it is too long and no dot at any beginning."""
    folded = ""
    room = _FIRST_ROOM if is_first else _ROOM
    while True:
        if line.startswith("."):
            line = "=2E" + line[1:]
        if len(line) <= room:
            return folded + line
        escape = line.find("=", room - 2, room)  # never inside of one
        end = escape if escape > 0 else room
        folded += line[:end] + "=\r\n"
        line, room = line[end:], _ROOM


def encode_whole(text: str) -> bytes:
    """A whole body: ends with a line end."""
    return _ended(encode(text))


def _ended(body: bytes) -> bytes:
    return body if body.endswith(CRLF) and not body.endswith(SOFT) else body + CRLF


def _short(value: str) -> bytes | None:
    """A personal piece as most of them are: short and plain. None: it is not."""
    raw = value.encode("utf-8", "replace")
    if raw.translate(None, _QUIET) or raw.startswith((b".", b" ")) or raw.endswith(b" "):
        return None
    if raw.isascii() and len(raw) <= _FIRST_ROOM:
        return raw + SOFT if raw else b""
    return b2a_qp(raw) + SOFT if len(raw) * 3 <= _FIRST_ROOM else None


class _TornLineEndError(Exception):
    """A CR at the edge of a piece: what it means is known only from its neighbour."""


def _long(value: str) -> bytes:
    if value.endswith("\r"):
        raise _TornLineEndError
    return encode(value)


class HtmlPieces:
    """The HTML part, joined from encoded pieces."""

    def __init__(self, known: Iterable[str]) -> None:
        self._literals: dict[str, bytes] = {}
        for text in known:
            with suppress(_TornLineEndError):
                self._literals[text] = _long(text)

    def body(self, pieces: Sequence[str], own: Mapping[str, bytes]) -> bytes:
        """`own` are personal pieces that are encoded already."""
        literal, ready = self._literals.get, own.get
        encoded: list[bytes] = []
        add = encoded.append
        try:
            for piece in pieces:
                found = literal(piece) or ready(piece) or _short(piece)
                add(_long(piece) if found is None else found)
        except _TornLineEndError:
            return encode_whole("".join(pieces))
        return _ended(b"".join(encoded))


_RUN = f" \n{LINE}{PARAGRAPH}"
_START = "^"


class TextPieces:
    """The text part, joined from encoded pieces.

    What a run of blanks and break marks becomes is known only when its neighbours are: they
    come and go with the conditions. So a piece is kept in three: the run that it begins with,
    what is between, encoded, and the run that it ends with.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._literals: dict[str, tuple[str, bytes, str]] = {}
        for text in known:
            with suppress(_TornLineEndError):
                self._literals[text] = _split(text)

    def body(self, pieces: Sequence[str], own: Mapping[str, bytes]) -> bytes:
        """The same as from `joined`; `own` are personal pieces that are encoded already."""
        literal, ready = self._literals.get, own.get
        encoded: list[bytes] = []
        add = encoded.append
        run = _START
        try:
            for piece in pieces:
                parts = literal(piece)
                if parts is None:
                    between = ready(piece) or _short(piece)
                    parts = ("", between, "") if between is not None else _split(piece)
                begin, middle, end = parts
                run += begin
                if middle:
                    if run:
                        add(_blanks(run))
                    add(middle)
                    run = end
        except _TornLineEndError:
            return encode_whole(self.joined(pieces))
        add(encode(_resolved(run)))
        return _ended(b"".join(encoded))

    @staticmethod
    def joined(pieces: Iterable[str]) -> str:
        """The text as it is read: marks resolved, no empty lines at its beginning."""
        return tidy("".join(pieces)).lstrip("\n")


def _split(piece: str) -> tuple[str, bytes, str]:
    inner = piece.lstrip(_RUN)
    middle = inner.rstrip(_RUN)
    if middle.startswith("\r"):
        raise _TornLineEndError
    return piece[: len(piece) - len(inner)], _long(tidy(middle)), inner[len(middle) :]


def _resolved(run: str) -> str:
    text = tidy(run.removeprefix(_START))
    return text.lstrip("\n") if run.startswith(_START) else text


@lru_cache(maxsize=256)
def _blanks(run: str) -> bytes:
    """A run between two pieces. One or two blanks go before a piece on its own line."""
    text = _resolved(run)
    return text.encode("ascii") if text in {"", " ", "  "} else encode(text)
