"""Signed tokens, which make the contents of links trustworthy.

A token is `payload || HMAC-SHA256(purpose, payload)` cut to 16 bytes. The key depends on the
purpose, so a token for one purpose is invalid for any other. Tokens contain ids, never addresses.
Old keys keep verifying, so links survive a key rotation.
"""

import base64
import binascii
import hashlib
import hmac
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Purpose = Literal[
    "confirm", "unsubscribe", "view", "open", "click", "bounce", "message_id", "setup", "device"
]

SIGNATURE_BYTES = 16


class BadTokenError(ValueError):
    """The token was not signed by us, or was changed."""


class Signer:
    """Signs payloads with the first key, and verifies them with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        self._keyed = {
            purpose: [_keyed(key.encode(), purpose) for key in keys]
            for purpose in get_args(Purpose)
        }
        self._newest = {purpose: signatures[0] for purpose, signatures in self._keyed.items()}

    def signature(self, purpose: Purpose, payload: bytes) -> bytes:
        """Return a signature of 16 bytes for this purpose and payload."""
        return self._newest[purpose](payload)

    def is_valid(self, purpose: Purpose, payload: bytes, signature: bytes) -> bool:
        """Return whether any of our keys made this signature. Constant time per key."""
        return any(
            hmac.compare_digest(signature_of(payload), signature)
            for signature_of in self._keyed[purpose]
        )

    def signature_of(self, purpose: Purpose) -> Callable[[bytes], bytes]:
        """Return a fast `signature` function for one purpose."""
        return self._newest[purpose]

    def sign(self, purpose: Purpose, payload: bytes) -> str:
        """Return the payload and its signature as URL-safe text."""
        return b64encode(payload + self._newest[purpose](payload))

    def unsign(self, purpose: Purpose, token: str) -> bytes:
        """Return the payload of a token from `sign`. Raises BadTokenError."""
        raw = b64decode(token)
        if len(raw) <= SIGNATURE_BYTES:
            raise BadTokenError("too short")
        payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
        if not self.is_valid(purpose, payload, signature):
            raise BadTokenError("bad signature")
        return payload


def _keyed(key: bytes, purpose: str) -> Callable[[bytes], bytes]:
    """Return truncated HMAC-SHA256 (RFC 2104) with the key for this purpose.

    A message has ten signatures. Both hashes begin with the key: copying their state after it takes
    half the time of starting over.
    """
    block = hmac.digest(key, f"campaigns.token.{purpose}".encode(), "sha256").ljust(64, b"\0")
    new_inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block)).copy
    new_outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block)).copy

    def signature(payload: bytes) -> bytes:
        inner, outer = new_inner(), new_outer()
        inner.update(payload)
        outer.update(inner.digest())
        return outer.digest()[:SIGNATURE_BYTES]

    return signature


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def b64encode(raw: bytes) -> str:
    """Encode as URL-safe base64 without padding."""
    text = binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=")
    return text.decode("ascii")


def b64decode(text: str) -> bytes:
    """Decode the output of `b64encode`. Raises BadTokenError for any other text."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, UnicodeError):
        raise BadTokenError("not base64") from None
    if b64encode(raw) != text:  # one spelling per token
        raise BadTokenError("not canonical")
    return raw


_DELIVERY_REF = struct.Struct(">QIQ")
pack_delivery = _DELIVERY_REF.pack
"""`DeliveryRef(...).pack()` without creating the object, as every message needs it."""


@dataclass(frozen=True, slots=True)
class DeliveryRef:
    """The content of an unsubscribe or view link: person, list and delivery.

    Person and list let the link work for ever, even if the delivery was deleted. Any id may be 0 in
    previews and test emails.
    """

    subscriber_id: int
    list_id: int
    delivery_id: int

    def pack(self) -> bytes:
        """Write as bytes."""
        return pack_delivery(self.subscriber_id, self.list_id, self.delivery_id)

    @classmethod
    def unpack(cls, payload: bytes) -> "DeliveryRef":
        """Read from bytes. Raises BadTokenError."""
        try:
            return cls(*_DELIVERY_REF.unpack(payload))
        except struct.error:
            raise BadTokenError("wrong shape") from None


@dataclass(frozen=True, slots=True)
class ConfirmRef:
    """The content of a double opt-in link. `sent_at`: whole seconds since 1970, UTC."""

    subscriber_id: int
    list_id: int
    sent_at: int

    _FORM = struct.Struct(">QIQ")

    def pack(self) -> bytes:
        """Write as bytes."""
        return self._FORM.pack(self.subscriber_id, self.list_id, self.sent_at)

    @classmethod
    def unpack(cls, payload: bytes) -> "ConfirmRef":
        """Read from bytes. Raises BadTokenError."""
        try:
            return cls(*cls._FORM.unpack(payload))
        except struct.error:
            raise BadTokenError("wrong shape") from None


_DELIVERY = struct.Struct(">Q")
_CLICK = struct.Struct(">QH")


def open_token(signer: Signer, delivery_id: int) -> str:
    """Return the token of a delivery's open pixel."""
    return signer.sign("open", _DELIVERY.pack(delivery_id))


def read_open_token(signer: Signer, token: str) -> int:
    """Return the delivery id. Raises BadTokenError."""
    payload = signer.unsign("open", token)
    if len(payload) != _DELIVERY.size:
        raise BadTokenError("wrong shape")
    return int(_DELIVERY.unpack(payload)[0])


class ClickLink:
    """A tracked link: `<token>/<target>`, with a different token for each delivery.

    The target is part of the link, covered by the signature. So a click works while the database is
    down, and cannot be redirected elsewhere.
    """

    def __init__(self, signer: Signer, link_number: int, target: str) -> None:
        self._signature_of = signer.signature_of("click")
        self._number, self._target = link_number, target.encode()
        self.encoded_target = b64encode(self._target)

    def token(self, delivery_id: int) -> str:
        """Return the token of this link in a delivery."""
        head = _CLICK.pack(delivery_id, self._number)
        return b64encode(head + self._signature_of(head + self._target))


def click_path(signer: Signer, delivery_id: int, link_number: int, target: str) -> str:
    """Return the token of a ClickLink that is used only once."""
    link = ClickLink(signer, link_number, target)
    return f"{link.token(delivery_id)}/{link.encoded_target}"


def read_click_path(signer: Signer, token: str, encoded_target: str) -> tuple[int, int, str]:
    """Return (delivery id, link number, target). Raises BadTokenError."""
    raw, target = b64decode(token), b64decode(encoded_target)
    if len(raw) != _CLICK.size + SIGNATURE_BYTES:
        raise BadTokenError("wrong shape")
    head, signature = raw[: _CLICK.size], raw[_CLICK.size :]
    if not signer.is_valid("click", head + target, signature):
        raise BadTokenError("bad signature")
    delivery_id, link_number = _CLICK.unpack(head)
    return int(delivery_id), int(link_number), target.decode()


# Ten bits at once. 24 bytes fill 39 digits, so drop the second one of the last pair.
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]
_SHIFTS = range(190, -1, -10)


FIRST_TEST_ID = 2**62
"""Ids from here on are those of bounce tests; no delivery has one."""


def delivery_token(signer: Signer, delivery_id: int) -> str:
    """Return the token by which anything that comes back finds the delivery of a message.

    39 characters of lower-case base32, because some servers change the case of a local part.
    """
    payload = _DELIVERY.pack(delivery_id)
    bits = int.from_bytes(payload + signer.signature("bounce", payload), "big") << 8
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])[:-1]


def read_delivery_token(signer: Signer, token: str) -> int:
    """Return the delivery id. Raises BadTokenError."""
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except ValueError:
        raise BadTokenError("not base32") from None
    payload, signature = raw[: _DELIVERY.size], raw[_DELIVERY.size :]
    if len(payload) != _DELIVERY.size or not signer.is_valid("bounce", payload, signature):
        raise BadTokenError("bad signature")
    return int(_DELIVERY.unpack(payload)[0])


_DELIVERY_TOKEN = re.compile(r"(?<![a-z2-7])[a-z2-7]{39}(?![a-z2-7])", re.IGNORECASE)


def find_delivery_tokens(text: str) -> list[str]:
    """Return apparent delivery tokens in a text, in order, each once and in lower case."""
    return list(dict.fromkeys(one.lower() for one in _DELIVERY_TOKEN.findall(text)))
