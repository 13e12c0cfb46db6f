"""Tokens: only we can make one, and it is valid for one purpose only."""

import base64
import hashlib
import hmac
import struct
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import tokens
from campaigns.tokens import BadTokenError, ConfirmRef, DeliveryRef, Purpose, Signer

OLD, NEW = "old-key-that-is-long-enough-for-this", "new-key-that-is-long-enough-for-this"
SIGNER = Signer([NEW])
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
IDS = st.integers(0, 2**63 - 1)
REF = DeliveryRef(subscriber_id=2**40, list_id=7, delivery_id=123_456_789_012)


@given(st.binary(min_size=1, max_size=200), st.sampled_from(PURPOSES))
def test_a_signed_payload_is_read_back(payload: bytes, purpose: Purpose) -> None:
    assert SIGNER.unsign(purpose, SIGNER.sign(purpose, payload)) == payload


@pytest.mark.parametrize("made_for", PURPOSES)
def test_a_token_is_invalid_for_another_purpose(made_for: Purpose) -> None:
    token = SIGNER.sign(made_for, REF.pack())
    for purpose in PURPOSES:
        if purpose != made_for:
            with pytest.raises(BadTokenError):
                SIGNER.unsign(purpose, token)


def test_every_changed_character_is_detected() -> None:
    token = SIGNER.sign("unsubscribe", REF.pack())
    for position, char in enumerate(token):
        other = "A" if char != "A" else "B"
        with pytest.raises(BadTokenError):
            SIGNER.unsign("unsubscribe", token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        str.lower,
        str.upper,
        lambda t: t[:-1],
        lambda t: t[1:],
        lambda t: t + "A",
        lambda t: t + "=",
        lambda t: t + "\n",
        lambda t: " " + t,
        lambda t: t * 2,
        lambda t: "",
        lambda t: "é" + t[1:],
        lambda t: t.replace(t[3], "+"),
    ],
)
def test_a_malformed_token_is_refused(change: object) -> None:
    token = SIGNER.sign("unsubscribe", REF.pack())
    bent = change(token)  # type: ignore[operator]
    assert bent != token
    with pytest.raises(BadTokenError):
        SIGNER.unsign("unsubscribe", bent)


@given(st.text(max_size=100))
def test_any_made_up_token_is_refused(text: str) -> None:
    with pytest.raises(BadTokenError):
        SIGNER.unsign("view", text)
    with pytest.raises(BadTokenError):
        tokens.read_open_token(SIGNER, text)
    with pytest.raises(BadTokenError):
        tokens.read_click_path(SIGNER, text, text)
    with pytest.raises(BadTokenError):
        tokens.read_delivery_token(SIGNER, text)


def test_each_token_has_one_spelling() -> None:
    # 25 bytes: four bits of the last character are unused.
    token = tokens.b64encode(b"x" * 25)
    twin = token[:-1] + chr(ord(token[-1]) + 1)
    with pytest.raises(BadTokenError, match="canonical"):
        tokens.b64decode(twin)


def test_links_survive_a_new_key() -> None:
    token = Signer([OLD]).sign("unsubscribe", REF.pack())
    rotated = Signer([NEW, OLD])
    assert DeliveryRef.unpack(rotated.unsign("unsubscribe", token)) == REF
    with pytest.raises(BadTokenError):
        SIGNER.unsign("unsubscribe", token)
    assert SIGNER.unsign("view", rotated.sign("view", b"x")) == b"x", "new links use the new key"


def test_a_signer_needs_a_key() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Signer([])


def plain_hmac(purpose: Purpose, payload: bytes) -> bytes:
    """The signature as it has always been made, with the standard library only."""
    key = hmac.digest(NEW.encode(), f"campaigns.token.{purpose}".encode(), hashlib.sha256)
    return hmac.digest(key, payload, hashlib.sha256)[:16]


@given(st.binary(max_size=300), st.sampled_from(PURPOSES))
def test_links_of_all_versions_stay_valid(payload: bytes, purpose: Purpose) -> None:
    assert SIGNER.signature(purpose, payload) == plain_hmac(purpose, payload)


@given(IDS, st.integers(0, 65_535), st.text(st.characters(codec="utf-8"), max_size=300))
def test_the_spelling_of_links_never_changes(delivery_id: int, number: int, target: str) -> None:
    raw = target.encode()
    head = struct.pack(">QH", delivery_id, number)
    token = base64.urlsafe_b64encode(head + plain_hmac("click", head + raw)).rstrip(b"=")
    encoded = base64.urlsafe_b64encode(raw).rstrip(b"=")
    assert tokens.click_path(SIGNER, delivery_id, number, target).encode() == token + b"/" + encoded
    packed = struct.pack(">Q", delivery_id)
    text = base64.b32encode(packed + plain_hmac("bounce", packed)).rstrip(b"=").lower()
    assert tokens.delivery_token(SIGNER, delivery_id).encode() == text


@given(IDS, st.integers(0, 2**32 - 1), IDS)
def test_references_survive_a_round_trip(first: int, second: int, third: int) -> None:
    for ref in (DeliveryRef(first, second, third), ConfirmRef(first, second, third)):
        assert type(ref).unpack(ref.pack()) == ref


@pytest.mark.parametrize("payload", [b"", b"x", b"x" * 19, b"x" * 21])
def test_a_payload_of_another_shape_is_refused(payload: bytes) -> None:
    for kind in (DeliveryRef, ConfirmRef):
        with pytest.raises(BadTokenError, match="shape"):
            kind.unpack(payload)
    with pytest.raises(BadTokenError):
        tokens.read_open_token(SIGNER, SIGNER.sign("open", payload + b"?"))


@given(IDS)
def test_an_open_token_names_its_delivery(delivery_id: int) -> None:
    assert tokens.read_open_token(SIGNER, tokens.open_token(SIGNER, delivery_id)) == delivery_id


@given(IDS, st.integers(0, 65_535), st.text(st.characters(codec="utf-8"), max_size=300))
def test_a_click_carries_its_target(delivery_id: int, number: int, target: str) -> None:
    token, _, encoded = tokens.click_path(SIGNER, delivery_id, number, target).partition("/")
    assert tokens.read_click_path(SIGNER, token, encoded) == (delivery_id, number, target)


def test_a_click_cannot_be_changed_to_another_target() -> None:
    token, _, _ = tokens.click_path(SIGNER, 1, 2, "https://shop.example/").partition("/")
    evil = tokens.b64encode(b"https://evil.example/")
    with pytest.raises(BadTokenError):
        tokens.read_click_path(SIGNER, token, evil)
    other, _, encoded = tokens.click_path(SIGNER, 1, 3, "https://evil.example/").partition("/")
    assert encoded == evil
    assert other != token


@given(IDS)
def test_a_delivery_token_survives_a_change_of_case(delivery_id: int) -> None:
    token = tokens.delivery_token(SIGNER, delivery_id)
    assert len(token) == 39
    assert token == token.lower()
    assert token.isascii()
    for spelling in (token, token.upper(), token.title()):
        assert tokens.read_delivery_token(SIGNER, spelling) == delivery_id
        assert tokens.find_delivery_tokens(f"Message-ID: <{spelling}@example.org>") == [token]


def test_every_changed_character_of_a_delivery_token_is_detected() -> None:
    token = tokens.delivery_token(SIGNER, 123_456_789)
    for position, char in enumerate(token):
        other = "a" if char != "a" else "b"
        bent = token[:position] + other + token[position + 1 :]
        try:
            found = tokens.read_delivery_token(SIGNER, bent)
        except BadTokenError:
            continue
        # Two bits of the last Base32 character are unused, so it may differ without effect.
        assert position == len(token) - 1
        assert found == 123_456_789


@pytest.mark.parametrize("text", ["", "b", "!", "aaaa", "+", "a" * 39, "é" * 39, "\0" * 39])
def test_an_invalid_delivery_token_is_refused(text: str) -> None:
    with pytest.raises(BadTokenError):
        tokens.read_delivery_token(SIGNER, text)


def test_tokens_are_found_between_other_text_each_once() -> None:
    first, second = (tokens.delivery_token(SIGNER, number) for number in (7, 8))
    text = f"To: <b+{first}@example.org>\r\n<{second}@example.org> b+{first.upper()} {'a' * 40}"
    assert tokens.find_delivery_tokens(text) == [first, second]
