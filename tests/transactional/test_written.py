"""Texts of system emails: paragraphs, links and a few merge tags; nothing else of the language."""

import pytest

from campaigns.transactional import written
from campaigns.transactional.written import Piece

VALUES = {"list.name": "News", "confirm_url": "https://news.example.net/confirm/x"}


def test_an_empty_line_begins_a_paragraph_and_a_line_break_stays() -> None:
    found = written.paragraphs("One\nTwo\n \n\nThree", {})
    assert written.as_text(found) == "One\nTwo\n\nThree"
    assert [len(paragraph) for paragraph in found] == [2, 1]


def test_merge_tags_get_their_values_or_what_the_author_wrote_for_none() -> None:
    text = 'Hi {{ subscriber.first_name or "there" }}, welcome to {{list.name}}.'
    assert written.filled(text, VALUES) == "Hi there, welcome to News."
    assert written.filled(text, VALUES | {"subscriber.first_name": "Ada"}).startswith("Hi Ada,")


def test_a_link_alone_is_an_action_and_one_in_a_sentence_is_not() -> None:
    alone, inside = written.paragraphs("{{ confirm_url }}\n\nSee https://example.com/a.", VALUES)
    assert written.action_of(alone) == VALUES["confirm_url"]
    assert written.action_of(inside) == ""
    assert Piece("https://example.com/a", "https://example.com/a") in inside[0]


def test_an_address_in_a_value_is_no_link() -> None:
    [[line]] = written.paragraphs("{{ list.name }}", {"list.name": "https://evil.example/"})
    assert [piece.url for piece in line if piece.text] == [""]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("{{ list.name }} and {{ confirm_url }}", "{{ confirm_url }}"),
        ("{{ subscriber.__class__ }}", "{{ subscriber.__class__ }}"),
        ("{% if x %}", "{%"),
        ("{{ 'x' * 99 }}", "{{"),
        ("{{ list.name | upper }}", "{{"),
        ("{# no #}", "{#"),
        ("open {{", "{{"),
        ("{{ list.name }} {single} }", ""),
    ],
)
def test_anything_but_known_merge_tags_is_named(text: str, tag: str) -> None:
    assert written.unknown_tag(text, ("list.name",)) == tag


def test_braces_in_values_are_no_merge_tags_for_the_compiler() -> None:
    assert "{{" not in written.literal("{{ 7 * 7 }} {% x %}")
    assert written.literal("plain {text}") == "plain {text}"


def test_a_long_text_takes_linear_time() -> None:
    assert written.unknown_tag("{{ a" * 20_000, ()) == "{{"
    assert written.paragraphs("\n \n" * 20_000 + "http://" * 20_000, {})
