"""Addresses: which can receive email, and when two spellings are the same mailbox."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.addresses import InvalidAddressError, lookup_form, normalise, parse
from tests.english import in_english, refused


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
        "alice@example.org, bob@example.org",
        "alice@[127.0.0.1]",
        "alice@" + "x" * 64 + ".example.org",
        "a" * 250 + "@example.org",
    ],
)
def test_an_invalid_address_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(InvalidAddressError) as caught:
        parse(typed)
    assert in_english(caught.value).endswith(".")


@pytest.mark.parametrize("char", ["\r", "\n", "\r\n", "\x00", "\t", "\x7f", "\x85", "\u2028"])
def test_a_line_break_never_gets_into_an_address(char: str) -> None:
    with refused(InvalidAddressError, "line break or control"):
        parse(f"alice@example.org{char}Bcc: bob@example.org")


def test_plus_addresses_are_separate_subscribers() -> None:
    assert parse("alice+news@example.org").normal != parse("alice@example.org").normal


@given(st.text(max_size=60))
def test_any_input_gives_an_address_or_a_sentence(typed: str) -> None:
    try:
        found = parse(typed)
    except InvalidAddressError:
        return
    assert parse(found.text) == found
    assert normalise(found.normal) == found.normal
    assert lookup_form(typed) == lookup_form(found.text) == lookup_form(found.normal)
    assert lookup_form(typed) == found.normal
    assert found.text.isprintable()


INVISIBLE = [
    *map(chr, (0xAD, 0xA0, 0xFEFF, 0x2003, 0x3000)),
    *map(chr, range(0x200B, 0x2010)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2060, 0x2065)),
]


@pytest.mark.parametrize("char", INVISIBLE, ids=lambda char: f"U+{ord(char):04X}")
def test_invisible_characters_around_an_address_are_removed(char: str) -> None:
    for text in (f"{char}z@shop.example", f"z@shop.example{char}", f" {char} z@shop.example{char}"):
        assert parse(text).text == "z@shop.example"
        assert normalise(text) == "z@shop.example"


@pytest.mark.parametrize(
    "text",
    [
        "Ann <z@shop.example>",
        "<z@shop.example>",
        '"z@shop.example"',
        "“z@shop.example”",
        "'z@shop.example'",
        "mailto:z@shop.example",
        "MAILTO:z@shop.example?subject=Hello",
        '"Lee, Ann" <\u200bmailto:z@shop.example >\xa0',
    ],
)
def test_an_address_is_found_in_copied_text(text: str) -> None:
    assert parse(text).text == "z@shop.example"


def test_an_invisible_character_inside_is_named_with_its_position() -> None:
    with refused(InvalidAddressError, r"zero width space, U\+200B.*“z” and “1”"):
        parse("z\u200b1@shop.example")


@pytest.mark.parametrize("text", ["a@x.example ::: b@x.example", "a@x.example; b@x.example"])
def test_several_addresses_in_one_field_are_counted(text: str) -> None:
    with refused(InvalidAddressError, "contains 2 addresses"):
        parse(text)
