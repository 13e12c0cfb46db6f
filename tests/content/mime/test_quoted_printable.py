"""Quoted-printable in pieces: joined, they equal the encoding of the whole."""

import quopri
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from campaigns.content.html.plain_text import tidy
from campaigns.content.mime import quoted_printable

ALPHABET = st.sampled_from(" \t\n\r.=aéß🎉\x00\x0b\x0c\x85\u2028\x1e\x1f\u05d0Z-")
PIECE = st.one_of(
    st.text(ALPHABET, max_size=200),
    st.text(max_size=80),
    st.sampled_from(["", " ", ".", "...", "\n", "\r", "\n.\n", "a" * 75 + " ", "." * 160]),
    st.sampled_from([" \n", "\x1e", "\x1f", " \x1e\n", "  ", "   ", "x\x1e", "\x1fx "]),
)
PIECES = st.lists(PIECE, max_size=12)


def plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")


def normal(text: str) -> str:
    text = plain(text)
    return text if text.endswith("\n") else text + "\n"


def check(body: bytes, wanted: str) -> None:
    """F1, F2, F3: it decodes to the original and cannot be misread in transit."""
    assert body.endswith(b"\r\n")
    assert body.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", body)
    assert not re.search(rb"[ \t]\r\n", body)
    assert not re.search(rb"(?m)^\.", body)
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert quopri.decodestring(body).replace(b"\r\n", b"\n").decode() == normal(wanted)


@settings(max_examples=200, deadline=None)
@given(PIECE)
@example("a" * 74 + " \n")
@example("a" * 75 + "\n")
@example("." * 76 + "\n.")
@example("a" * 72 + "é" * 3)
def test_a_whole_text_is_decoded_unchanged(text: str) -> None:
    check(quoted_printable.encode_whole(text), text)


@settings(max_examples=250, deadline=None)
@given(PIECES)
@example(["a\r", "\nb"])
@example(["a\r", "", "\r\nb"])
@example(["\r", "\r"])
def test_joined_pieces_equal_the_whole(pieces: list[str]) -> None:
    body = quoted_printable.join(quoted_printable.encode(piece) for piece in pieces)
    check(quoted_printable.ended(body), "".join(pieces))
    assert quoted_printable.decode(body) == plain("".join(pieces))


@settings(max_examples=400, deadline=None)
@given(PIECES)
@example(["a \r", "\nb"])
@example([" ", "\r="])
@example(["a", " \n", "\x1f", " ", "b"])
@example(["\n", " \x1e", "b"])
@example(["a", "\x1e"])
@example(["a", "  "])
@example(["a", "  ", "b" * 74])
@example(["a", "  ", ".b"])
def test_joined_text_pieces_are_normalized_like_the_whole_text(pieces: list[str]) -> None:
    body = quoted_printable.join_text([quoted_printable.split(piece) for piece in pieces])
    wanted = tidy("".join(pieces)).lstrip("\n")
    check(quoted_printable.ended(body), wanted)
    assert quoted_printable.decode(body) == plain(wanted)


@settings(max_examples=200, deadline=None)
@given(st.one_of(PIECE, st.text("aé.= <\x1e\n", max_size=80)))
def test_the_fast_path_for_values_is_correct(value: str) -> None:
    encoded = quoted_printable.short(value)
    if encoded is not None:
        check(quoted_printable.ended(encoded), value)
        assert escape(value) == value
        assert quoted_printable.split(value) in ("", encoded) or not value.isascii()


@pytest.mark.parametrize("value", ["Alice", "a b", "x" * 73, "Zoë", ""])
def test_the_fast_path_is_used_for_names(value: str) -> None:
    assert quoted_printable.short(value) is not None
