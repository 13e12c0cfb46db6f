"""Signed tokens: what a link carries so that it can be trusted when it comes back.

A token is `payload || HMAC-SHA256(purpose, payload)` cut to 16 bytes. The purpose is mixed
into the key, so a token made for one purpose is worthless for another. Tokens carry ids and
never addresses. Old keys keep verifying, so links survive a key rotation.
"""

import base64
import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["confirm", "unsubscribe", "view", "open", "click", "bounce", "message_id"]

SIGNATURE_BYTES = 16


class BadTokenError(ValueError):
    """The token was not made by us, or was changed on its way."""


class Signer:
    """Signs and checks payloads with the first key; checks also with the older ones."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        self._keys = [key.encode() for key in keys]
        self._derived: dict[tuple[int, str], bytes] = {}

    def _key(self, index: int, purpose: str) -> bytes:
        found = self._derived.get((index, purpose))
        if found is None:
            label = f"campaigns.token.{purpose}".encode()
            found = hmac.digest(self._keys[index], label, hashlib.sha256)
            self._derived[(index, purpose)] = found
        return found

    def signature(self, purpose: Purpose, payload: bytes) -> bytes:
        """16 bytes that only the holder of the key can make for this purpose and payload."""
        return hmac.digest(self._key(0, purpose), payload, "sha256")[:SIGNATURE_BYTES]

    def is_valid(self, purpose: Purpose, payload: bytes, signature: bytes) -> bool:
        """Whether one of our keys, new or old, made this signature. Constant time per key."""
        return any(
            hmac.compare_digest(
                hmac.digest(self._key(index, purpose), payload, "sha256")[:SIGNATURE_BYTES],
                signature,
            )
            for index in range(len(self._keys))
        )

    def sign(self, purpose: Purpose, payload: bytes) -> str:
        """URL-safe text holding the payload and its signature."""
        return b64encode(payload + self.signature(purpose, payload))

    def unsign(self, purpose: Purpose, token: str) -> bytes:
        """The payload of a token made by `sign`. Raises BadTokenError."""
        raw = b64decode(token)
        if len(raw) <= SIGNATURE_BYTES:
            raise BadTokenError("too short")
        payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
        if not self.is_valid(purpose, payload, signature):
            raise BadTokenError("bad signature")
        return payload


def b64encode(raw: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def b64decode(text: str) -> bytes:
    """The reverse of `b64encode`. Raises BadTokenError for anything it would not have made."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, UnicodeError):
        raise BadTokenError("not base64") from None
    if b64encode(raw) != text:  # one spelling per token
        raise BadTokenError("not canonical")
    return raw


@dataclass(frozen=True, slots=True)
class DeliveryRef:
    """What an unsubscribe or view link knows: the person, the list, the delivery.

    The person and the list are enough for the link to work for ever, even when the
    delivery is gone. Any of the ids may be 0 in previews and test sends.
    """

    subscriber_id: int
    list_id: int
    delivery_id: int

    _FORM = struct.Struct(">QIQ")

    def pack(self) -> bytes:
        return self._FORM.pack(self.subscriber_id, self.list_id, self.delivery_id)

    @classmethod
    def unpack(cls, payload: bytes) -> "DeliveryRef":
        try:
            return cls(*cls._FORM.unpack(payload))
        except struct.error:
            raise BadTokenError("wrong shape") from None


@dataclass(frozen=True, slots=True)
class ConfirmRef:
    """What a double opt-in link knows. `sent_at` is in whole seconds since 1970, UTC."""

    subscriber_id: int
    list_id: int
    sent_at: int

    _FORM = struct.Struct(">QIQ")

    def pack(self) -> bytes:
        return self._FORM.pack(self.subscriber_id, self.list_id, self.sent_at)

    @classmethod
    def unpack(cls, payload: bytes) -> "ConfirmRef":
        try:
            return cls(*cls._FORM.unpack(payload))
        except struct.error:
            raise BadTokenError("wrong shape") from None


_DELIVERY = struct.Struct(">Q")
_CLICK = struct.Struct(">QH")


def open_token(signer: Signer, delivery_id: int) -> str:
    return signer.sign("open", _DELIVERY.pack(delivery_id))


def read_open_token(signer: Signer, token: str) -> int:
    """The delivery id. Raises BadTokenError."""
    payload = signer.unsign("open", token)
    if len(payload) != _DELIVERY.size:
        raise BadTokenError("wrong shape")
    return int(_DELIVERY.unpack(payload)[0])


def click_path(signer: Signer, delivery_id: int, link_number: int, target: str) -> str:
    """`<token>/<target>`: the target travels with the link, covered by the signature.

    So a click works while the database is down, and cannot be bent to another place.
    """
    head = _CLICK.pack(delivery_id, link_number)
    signature = signer.signature("click", head + target.encode())
    return f"{b64encode(head + signature)}/{b64encode(target.encode())}"


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


def bounce_local_part(signer: Signer, delivery_id: int) -> str:
    """The local part of a return path: `b+<token>`, lower-case base32, at most 64 octets.

    Lower-case base32 because some servers change the case of a local part.
    """
    payload = _DELIVERY.pack(delivery_id)
    raw = payload + signer.signature("bounce", payload)
    return "b+" + base64.b32encode(raw).rstrip(b"=").decode("ascii").lower()


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
