"""Quoted-printable in pieces: joined in any order it is what the whole would be."""

import quopri
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.content import quoted
from campaigns.content.quoted import HtmlPieces, TextPieces

ALPHABET = st.sampled_from(" \t\n\r.=aéß🎉\x00\x0b\x0c\x85\u2028\x1e\x1f\u05d0Z-")
PIECE = st.one_of(
    st.text(ALPHABET, max_size=200),
    st.text(max_size=80),
    st.sampled_from(["", " ", ".", "...", "\n", "\r", "\n.\n", "a" * 75 + " ", "." * 160]),
    st.sampled_from([" \n", "\x1e", "\x1f", " \x1e\n", "  ", "   ", "x\x1e", "\x1fx "]),
)
PIECES = st.lists(PIECE, max_size=12)


def normal(text: str) -> str:
    text = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def check(body: bytes, wanted: str) -> None:
    """F1, F2, F3: it decodes to what was wanted and cannot be misread on its way."""
    assert body.endswith(b"\r\n")
    assert body.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", body)
    assert not re.search(rb"[ \t]\r\n", body)
    assert not re.search(rb"(?m)^\.", body)
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert quopri.decodestring(body).replace(b"\r\n", b"\n").decode() == normal(wanted)


@settings(max_examples=500, deadline=None)
@given(PIECE)
@example("a" * 74 + " \n")
@example("a" * 75 + "\n")
@example("." * 76 + "\n.")
@example("a" * 72 + "é" * 3)
def test_a_whole_text_comes_back(text: str) -> None:
    check(quoted.encode_whole(text), text)


@settings(max_examples=800, deadline=None)
@given(PIECES)
def test_html_pieces_join_in_any_order(pieces: list[str]) -> None:
    """Some of them literal, some personal, some encoded before."""
    own = {text: quoted.encode(text) for text in pieces[1::3] if not text.endswith("\r")}
    body = HtmlPieces(pieces[::3]).body(pieces, own)
    check(body, "".join(pieces))


@settings(max_examples=1500, deadline=None)
@given(PIECES)
@example(["a \r", "\nb"])
@example(["a", " \n", "\x1f", " ", "b"])
@example(["\n", " \x1e", "b"])
@example(["a", "\x1e"])
@example(["a", "  "])
@example(["a", "  ", "b" * 74])
def test_text_pieces_join_as_the_whole_text_is_tidied(pieces: list[str]) -> None:
    body = TextPieces(pieces[::2]).body(pieces, {})
    check(body, TextPieces.joined(pieces))


@pytest.mark.parametrize("value", ["Alice", "a b", "x" * 73, "", "."])
def test_a_short_value_is_one_short_line(value: str) -> None:
    body = HtmlPieces(()).body(["Dear ", value, "!\n"], {})
    check(body, f"Dear {value}!\n")
    assert body.count(b"\r\n") == 2 + bool(value)
