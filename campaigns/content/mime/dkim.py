"""DKIM signatures (RFC 6376, RFC 8463): relaxed/relaxed over SHA-256, for every message.

Our own implementation, because it runs for every recipient: common parts of a campaign's messages
are canonicalized once. The tests use independent verifiers.
"""

import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Algorithm = Literal["rsa", "ed25519"]

SIGNED = (
    "From",
    "Sender",
    "Reply-To",
    "Subject",
    "Date",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Help",
    "List-Owner",
    "List-Subscribe",
    "List-Post",
    "List-Archive",
    "Feedback-ID",
    "CFBL-Address",
    "CFBL-Feedback-ID",
)
"""The header fields that a signature covers, if present."""

OVERSIGNED = frozenset({"From", "Subject", "To", "List-Unsubscribe", "List-Unsubscribe-Post"})
"""Listed once more than present (RFC 6376, 5.4.2), so that adding another one invalidates it."""

_CRLF = b"\r\n"
_LINE = 76
_BY_NAME = {name.lower().encode(): name for name in SIGNED}
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_BLANKS = re.compile(rb"[ \t]+")
_SPACES = re.compile(rb"  +")
_HASH_TAG = b"bh="


class Key:
    """A private key under its selector, ready to sign."""

    def __init__(self, selector: str, algorithm: Algorithm, pem: str) -> None:
        # Checking an RSA key takes longer than a hundred signatures, and the key is our own.
        private = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
        self.selector, self.algorithm = selector, algorithm
        self.identity = (selector, hashlib.sha256(pem.encode()).digest())
        self._private = cast("RSAPrivateKey | Ed25519PrivateKey", private)
        self._padding, self._sha256 = padding.PKCS1v15(), hashes.SHA256()

    def signature(self, data: bytes) -> bytes:
        """Sign bytes with the private key."""
        if isinstance(self._private, Ed25519PrivateKey):
            return self._private.sign(hashlib.sha256(data).digest())  # RFC 8463, 3
        return self._private.sign(data, self._padding, self._sha256)


class _Field(NamedTuple):
    """A signed header field: its name, and the whole field in relaxed form with CRLF."""

    name: str
    relaxed: bytes


@dataclass(frozen=True, slots=True)
class _Frame:
    """A DKIM-Signature around its date and hash; `signed_*` are the same in relaxed form."""

    key: Key
    before: bytes
    after: bytes
    signed_before: bytes
    signed_after: bytes


@dataclass(frozen=True, slots=True)
class _Layout:
    """Everything that depends only on the names of the header fields.

    `order`: positions of the fields in the order of h=; `date`: position of the date.
    """

    order: tuple[int, ...]
    date: int | None
    frames: tuple[_Frame, ...]


class Signing:
    """Signs for a domain, with each of its keys. Safe to share between threads.

    Two are equal if they use the same keys, which shows whether keys have changed.
    """

    def __init__(self, domain: str, keys: Sequence[Key]) -> None:
        self.domain = domain
        self.selectors = tuple(key.selector for key in keys)
        self._keys = tuple(keys)
        self._identity = (domain, tuple(key.identity for key in keys))
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._read_last: list[tuple[bytes, tuple[_Field, ...]]] = []
        self._dated_last = (b"", b"")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Signing):
            return NotImplemented
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def sign(self, headers: Sequence[bytes], body: bytes) -> bytes:
        """Return the DKIM-Signature lines to prepend, one signature per key.

        `headers` are the header fields with CRLFs, one or several per item. It is fastest if common
        fields are at the same position in each message. The timestamp (t=) is that of the Date
        field.
        """
        fields = self._read(headers)
        layout = self._layout(tuple([field.name for field in fields]))
        head = b"".join([fields[position].relaxed for position in layout.order])
        moment = b"" if layout.date is None else self._moment(fields[layout.date].relaxed)
        digest = moment + _HASH_TAG + _base64(hashlib.sha256(relaxed_body(body)).digest())
        return b"".join(
            [
                frame.before
                + digest
                + frame.after
                + _folded(
                    frame.key.signature(head + frame.signed_before + digest + frame.signed_after)
                )
                for frame in layout.frames
            ]
        )

    def _read(self, headers: Sequence[bytes]) -> list[_Field]:
        """Return the fields to sign.

        Fields equal to the previous message's are not parsed again.
        """
        before, now = self._read_last, []
        fields: list[_Field] = []
        for position, text in enumerate(headers):
            if position < len(before) and before[position][0] == text:
                entry = before[position]
            else:
                entry = (text, tuple(_fields(text)))
            now.append(entry)
            fields += entry[1]
        self._read_last = now
        return fields

    def _layout(self, names: tuple[str, ...]) -> _Layout:
        layout = self._layouts.get(names)
        if layout is None:
            if len(self._layouts) > 100:
                self._layouts = {}
            layout = self._layouts[names] = _layout(names, self.domain, self._keys)
        return layout

    def _moment(self, date: bytes) -> bytes:
        """Return the tag t= for this Date field; empty if it cannot be parsed."""
        last, tag = self._dated_last
        if last != date:
            tag = b""
            with suppress(ValueError):
                seconds = parsedate_to_datetime(date[5:].decode("ascii")).timestamp()
                tag = b"t=%d; " % seconds if seconds >= 0 else b""
            self._dated_last = (date, tag)
        return tag


def sign_message(data: bytes, signing: Signing) -> bytes:
    """Return a whole message (with CRLF line endings), preceded by its signatures."""
    head, blank, body = data.partition(b"\r\n\r\n")
    return signing.sign([head + _CRLF], body if blank else b"") + data


def relaxed_body(body: bytes) -> bytes:
    """Canonicalize a body (RFC 6376, 3.4.4): reduce whitespace, strip trailing spaces and lines.

    Adds a missing final CRLF, as on the wire.
    """
    if not body.endswith(_CRLF):
        body = body + _CRLF if body else body
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    if b"  " in body:
        body = _SPACES.sub(b" ", body)
    if b" \r\n" in body:
        body = body.replace(b" \r\n", _CRLF)
    end = len(body)
    while body[end - 4 : end] == b"\r\n\r\n":
        end -= 2
    body = body[:end]
    return b"" if body == _CRLF else body


def relaxed_field(field: bytes) -> bytes:
    """Canonicalize a header field (RFC 6376, 3.4.2), with or without CRLF; returns it with CRLF."""
    name, _, value = field.partition(b":")
    if b"\x0b" in value or b"\x0c" in value:  # whitespace for split(), but not for DKIM
        value = _BLANKS.sub(b" ", value.replace(_CRLF, b"")).strip(b" ")
    else:
        value = b" ".join(value.split())
    return name.strip().lower() + b":" + value + _CRLF


def _fields(text: bytes) -> Iterator[_Field]:
    single = text.count(_CRLF) == 1 and text.endswith(_CRLF)
    for field in (text,) if single else _FIELD_END.split(text):
        relaxed = relaxed_field(field)
        name = _BY_NAME.get(relaxed[: relaxed.index(b":")])
        if name is not None:
            yield _Field(name, relaxed)


def _layout(names: tuple[str, ...], domain: str, keys: Sequence[Key]) -> _Layout:
    listed: list[str] = []
    order: list[int] = []
    for name in SIGNED:
        there = [position for position, other in enumerate(names) if other == name]
        order += reversed(there)  # of several fields, verifiers take the last one first
        listed += [name] * (len(there) + (name in OVERSIGNED))
    date = names.index("Date") if names.count("Date") == 1 else None
    frames = tuple(_frame(key, domain, listed) for key in keys)
    return _Layout(tuple(order), date, frames)


def _frame(key: Key, domain: str, listed: Sequence[str]) -> _Frame:
    tags = ["v=1;", f"a={key.algorithm}-sha256;", "c=relaxed/relaxed;", f"d={domain};"]
    first = _filled("DKIM-Signature:", [f" {tag}" for tag in [*tags, f"s={key.selector};"]])
    fields = _filled(" ", [f"h={listed[0]}", *(f":{name}" for name in listed[1:])])
    before = f"{first}\r\n ".encode("ascii")
    after = f";\r\n{fields};\r\n b=".encode("ascii")
    return _Frame(
        key, before, after, relaxed_field(before)[:-2] + b" ", _BLANKS.sub(b" ", _unfolded(after))
    )


def _unfolded(text: bytes) -> bytes:
    return text.replace(_CRLF, b"")


def _filled(start: str, pieces: Sequence[str]) -> str:
    """Return the joined pieces, folded into lines."""
    lines = [start]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > _LINE and lines[-1].strip():
            lines.append(piece if piece.startswith(" ") else f" {piece}")
        else:
            lines[-1] += piece
    return "\r\n".join(lines)


def _folded(signature: bytes) -> bytes:
    text = _base64(signature)
    return b"\r\n ".join([text[at : at + 72] for at in range(0, len(text), 72)]) + _CRLF


def _base64(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False)
