"""Addresses: what mail can be sent to, and when two spellings are one person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.addresses import InvalidAddressError, normalise, parse


@pytest.mark.parametrize(
    ("typed", "text", "normal", "domain"),
    [
        ("alice@example.org", "alice@example.org", "alice@example.org", "example.org"),
        ("  Alice@Example.ORG\n", "Alice@example.org", "alice@example.org", "example.org"),
        (
            "a.b+c@sub.example.org",
            "a.b+c@sub.example.org",
            "a.b+c@sub.example.org",
            "sub.example.org",
        ),
        ("o'neil@example.org", "o'neil@example.org", "o'neil@example.org", "example.org"),
        (
            "x@müller.example",
            "x@xn--mller-kva.example",
            "x@xn--mller-kva.example",
            "xn--mller-kva.example",
        ),
        ("jörg@example.org", "jörg@example.org", "jörg@example.org", "example.org"),
    ],
)
def test_each_form_of_an_address(typed: str, text: str, normal: str, domain: str) -> None:
    found = parse(typed)
    assert (found.text, found.normal, found.domain) == (text, normal, domain)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "alice",
        "@example.org",
        "alice@",
        "alice@example",
        "alice@@example.org",
        "alice@exa mple.org",
        "alice@-example.org",
        "alice@example..org",
        ".alice@example.org",
        "Alice <alice@example.org>",
        "alice@example.org, bob@example.org",
        "alice@[127.0.0.1]",
        "alice@" + "x" * 64 + ".example.org",
        "a" * 250 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(InvalidAddressError) as caught:
        parse(typed)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("char", ["\r", "\n", "\r\n", "\x00", "\t", "\x7f", "\x85", "\u2028"])
def test_a_line_break_never_gets_into_an_address(char: str) -> None:
    with pytest.raises(InvalidAddressError, match="line break or control"):
        parse(f"alice@example.org{char}Bcc: bob@example.org")


def test_plus_addresses_are_people_of_their_own() -> None:
    assert parse("alice+news@example.org").normal != parse("alice@example.org").normal


@given(st.text(max_size=60))
def test_whatever_is_typed_gives_an_address_or_a_sentence(typed: str) -> None:
    try:
        found = parse(typed)
    except InvalidAddressError:
        return
    assert parse(found.text) == found
    assert normalise(found.normal) == found.normal
    assert found.text.isprintable()
