"""Signed tokens: what a link carries so that it can be trusted when it comes back.

A token is `payload || HMAC-SHA256(purpose, payload)` cut to 16 bytes. The purpose is mixed
into the key, so a token made for one purpose is worthless for another. Tokens carry ids and
never addresses. Old keys keep verifying, so links survive a key rotation.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Purpose = Literal[
    "confirm", "unsubscribe", "view", "open", "click", "bounce", "message_id", "setup", "device"
]

SIGNATURE_BYTES = 16


class BadTokenError(ValueError):
    """The token was not made by us, or was changed on its way."""


class Signer:
    """Signs and checks payloads with the first key; checks also with the older ones."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        self._keyed = {
            purpose: [_keyed(key.encode(), purpose) for key in keys]
            for purpose in get_args(Purpose)
        }
        self._newest = {purpose: signatures[0] for purpose, signatures in self._keyed.items()}

    def signature(self, purpose: Purpose, payload: bytes) -> bytes:
        """16 bytes that only the holder of the key can make for this purpose and payload."""
        return self._newest[purpose](payload)

    def is_valid(self, purpose: Purpose, payload: bytes, signature: bytes) -> bool:
        """Whether one of our keys, new or old, made this signature. Constant time per key."""
        return any(
            hmac.compare_digest(signature_of(payload), signature)
            for signature_of in self._keyed[purpose]
        )

    def signature_of(self, purpose: Purpose) -> Callable[[bytes], bytes]:
        """`signature` for one purpose, for who needs it often."""
        return self._newest[purpose]

    def sign(self, purpose: Purpose, payload: bytes) -> str:
        """URL-safe text holding the payload and its signature."""
        return b64encode(payload + self._newest[purpose](payload))

    def unsign(self, purpose: Purpose, token: str) -> bytes:
        """The payload of a token made by `sign`. Raises BadTokenError."""
        raw = b64decode(token)
        if len(raw) <= SIGNATURE_BYTES:
            raise BadTokenError("too short")
        payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
        if not self.is_valid(purpose, payload, signature):
            raise BadTokenError("bad signature")
        return payload


def _keyed(key: bytes, purpose: str) -> Callable[[bytes], bytes]:
    """HMAC-SHA256 (RFC 2104) under the key for this purpose, cut.

    A message carries ten signatures. Both hashes begin with the key: they are kept as they
    stand after it and copied, which takes half the time of starting over.
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
    """URL-safe base64 without padding."""
    text = binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=")
    return text.decode("ascii")


def b64decode(text: str) -> bytes:
    """The reverse of `b64encode`. Raises BadTokenError for anything it would not have made."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, UnicodeError):
        raise BadTokenError("not base64") from None
    if b64encode(raw) != text:  # one spelling per token
        raise BadTokenError("not canonical")
    return raw


_DELIVERY_REF = struct.Struct(">QIQ")
pack_delivery = _DELIVERY_REF.pack
"""`DeliveryRef(...).pack()` without the value in between, for every message."""


@dataclass(frozen=True, slots=True)
class DeliveryRef:
    """What an unsubscribe or view link knows: the person, the list, the delivery.

    The person and the list are enough for the link to work for ever, even when the
    delivery is gone. Any of the ids may be 0 in previews and test sends.
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
    """Content of a double opt-in link. `sent_at`: whole seconds since 1970, UTC."""

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
    """Make the token of a delivery's open pixel."""
    return signer.sign("open", _DELIVERY.pack(delivery_id))


def read_open_token(signer: Signer, token: str) -> int:
    """The delivery id. Raises BadTokenError."""
    payload = signer.unsign("open", token)
    if len(payload) != _DELIVERY.size:
        raise BadTokenError("wrong shape")
    return int(_DELIVERY.unpack(payload)[0])


class ClickLink:
    """A link whose clicks are counted: `<token>/<target>`, another token for each delivery.

    The target travels with the link, covered by the signature. So a click works while the
    database is down, and cannot be bent to another place.
    """

    def __init__(self, signer: Signer, link_number: int, target: str) -> None:
        self._signature_of = signer.signature_of("click")
        self._number, self._target = link_number, target.encode()
        self.encoded_target = b64encode(self._target)

    def token(self, delivery_id: int) -> str:
        """Make the token of this link in a delivery."""
        head = _CLICK.pack(delivery_id, self._number)
        return b64encode(head + self._signature_of(head + self._target))


def click_path(signer: Signer, delivery_id: int, link_number: int, target: str) -> str:
    """Return the token of a ClickLink that is used only once."""
    link = ClickLink(signer, link_number, target)
    return f"{link.token(delivery_id)}/{link.encoded_target}"


def read_click_path(signer: Signer, token: str, encoded_target: str) -> tuple[int, int, str]:
    """(delivery id, link number, target). Raises BadTokenError."""
    raw, target = b64decode(token), b64decode(encoded_target)
    if len(raw) != _CLICK.size + SIGNATURE_BYTES:
        raise BadTokenError("wrong shape")
    head, signature = raw[: _CLICK.size], raw[_CLICK.size :]
    if not signer.is_valid("click", head + target, signature):
        raise BadTokenError("bad signature")
    delivery_id, link_number = _CLICK.unpack(head)
    return int(delivery_id), int(link_number), target.decode()


# Ten bits at once. 24 bytes fill 39 digits, so the second one of the last pair goes.
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]
_SHIFTS = range(190, -1, -10)


def bounce_local_part(signer: Signer, delivery_id: int) -> str:
    """The local part of a return path: `b+<token>`, lower-case base32, at most 64 octets.

    Lower-case base32 because some servers change the case of a local part.
    """
    payload = _DELIVERY.pack(delivery_id)
    bits = int.from_bytes(payload + signer.signature("bounce", payload), "big") << 8
    return "b+" + "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])[:-1]


def read_bounce_local_part(signer: Signer, local_part: str) -> int:
    """The delivery id behind a return path. Raises BadTokenError."""
    prefix, _, text = local_part.lower().partition("+")
    if prefix != "b" or not text:
        raise BadTokenError("not a return path of ours")
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        raise BadTokenError("not base32") from None
    payload, signature = raw[: _DELIVERY.size], raw[_DELIVERY.size :]
    if len(payload) != _DELIVERY.size or not signer.is_valid("bounce", payload, signature):
        raise BadTokenError("bad signature")
    return int(_DELIVERY.unpack(payload)[0])
