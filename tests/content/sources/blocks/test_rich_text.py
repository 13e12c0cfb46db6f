"""Rich text becomes well-formed HTML; what it cannot contain is named."""

from typing import Any

import pytest

from campaigns.content.sources.blocks.rich_text import (
    MAX_DEPTH,
    InlineStyles,
    RichTextError,
    is_blank,
    to_html,
    to_line,
)
from tests.content.sources.blocks.documents import Json, mark, paragraph, rich, tag, words

PLAIN = InlineStyles(lambda: " L", lambda colour: f" C={colour}")


def item(*content: Json) -> Json:
    return {"type": "listItem", "content": list(content)}


def bullets(*items: Json) -> Json:
    return {"type": "bulletList", "content": list(items)}


def test_paragraphs_and_lists_have_their_space_inline() -> None:
    html = to_html(rich("One", bullets(item(paragraph(words("a")))), "Two"), PLAIN)
    assert html == (
        '<p style="margin:0 0 12px">One</p>'
        '<ul style="margin:0 0 12px;padding:0 0 0 26px"><li style="margin:0 0 6px">a</li></ul>'
        '<p style="margin:0">Two</p>'
    )


def test_a_list_may_contain_a_list() -> None:
    inner = {"type": "orderedList", "content": [item(paragraph(words("b")))]}
    html = to_html(rich(bullets(item(paragraph(words("a")), inner))), PLAIN)
    assert html.index("<ul") < html.index(">a<") < html.index("<ol") < html.index(">b<")


def test_marks_are_nested_in_a_fixed_order() -> None:
    every = [mark(kind) for kind in ("strike", "underline", "italic", "bold")]
    every += [mark("textColour", colour="#B91C1C"), mark("link", href="https://a.example/?b&c")]
    assert to_line(rich(paragraph(words("x", *every))), PLAIN) == (
        '<a href="https://a.example/?b&amp;c" L><span C=#b91c1c><s><u><em><strong>x'
        "</strong></em></u></s></span></a>"
    )


def test_an_empty_paragraph_is_an_empty_line() -> None:
    assert "&nbsp;</p>" in to_html(rich(paragraph(), "a"), PLAIN)


def test_merge_tags_have_a_fallback() -> None:
    runs = [tag("subscriber.city"), tag("list.name", 'a "b" }} \\ é'), {"type": "hardBreak"}]
    assert to_line(rich(paragraph(*runs)), PLAIN) == (
        '{{ subscriber.city }}{{ list.name or "a \\"b\\" }} \\\\ é" }}<br/>'
    )


def test_a_snippet_is_no_paragraph_as_it_may_contain_tables() -> None:
    html = to_html(rich("{{ snippet.hours }}", "See {{ snippet.hours }}"), PLAIN)
    assert html.startswith("<div style=")
    assert html.count("<p ") == 1


def nested(depth: int) -> Json:
    inner = paragraph(words("deep"))
    for _ in range(depth):
        inner = bullets(item(inner))
    return rich(inner)


@pytest.mark.parametrize(
    ("content", "code", "name"),
    [
        (rich({"type": "table"}), "blocks.unknown_node", "table"),
        (rich(paragraph({"type": "image"})), "blocks.unknown_node", "image"),
        (rich(bullets(paragraph())), "blocks.unknown_node", "paragraph"),
        ({"type": "paragraph"}, "blocks.unknown_node", "paragraph"),
        ({"type": "doc", "content": "x"}, "blocks.unknown_node", "doc"),
        ({}, "blocks.unknown_node", "?"),
        (rich(paragraph({"type": "text", "text": 3})), "blocks.unknown_node", "text"),
        (rich(paragraph(words("a", mark("code")))), "blocks.unknown_mark", "code"),
        (rich(paragraph(words("a", mark("link", href="javascript:1")))), "blocks.unsafe_link", ""),
        (rich(paragraph(words("a", mark("link")))), "blocks.unsafe_link", ""),
        (rich(paragraph(words("a", mark("textColour", colour="red;x")))), "blocks.bad_colour", ""),
        (rich(paragraph(words("a", mark("textColour", colour="red")))), "blocks.bad_colour", ""),
        (rich(paragraph(tag("a }} {{ b"))), "blocks.bad_merge_tag", ""),
        (rich(paragraph({"type": "mergeTag", "attrs": 3})), "blocks.bad_merge_tag", ""),
        (rich("{{ subscriber.city"), "template.tag_not_closed", ""),
        (nested(MAX_DEPTH), "blocks.text_too_deep", ""),
        (nested(300), "blocks.text_too_deep", ""),
    ],
)
def test_what_cannot_be_shown_is_named(content: Any, code: str, name: str) -> None:
    with pytest.raises(RichTextError) as caught:
        to_html(content, PLAIN)
    assert caught.value.code == code
    assert caught.value.params.get("what", "") == name


def test_a_heading_has_no_lists() -> None:
    with pytest.raises(RichTextError) as caught:
        to_line(rich(bullets()), PLAIN)
    assert caught.value.code == "blocks.not_in_heading"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (rich(), True),
        (rich(" ", paragraph()), True),
        (rich("a"), False),
        (rich(paragraph(tag("list.name"))), False),
        ({"content": [3]}, False),
        (nested(300), False),
        (rich({"type": "image"}), True),
    ],
)
def test_a_text_without_anything_to_see_is_blank(content: Any, expected: bool) -> None:
    assert is_blank(content) is expected
