"""A problem of the compiled email names the block that it comes from."""

import json

import pytest

from campaigns.content.mime.compile import check_content, lint_content
from campaigns.content.mime.compiled import Content
from campaigns.content.sources.source import ContentSource, SourceContext
from tests.content.samples import a_content
from tests.content.sources.blocks.documents import (
    Json,
    block,
    document,
    mark,
    paragraph,
    rich,
    section,
    tag,
    words,
)


def content(*rows: Json, context: SourceContext | None = None) -> Content:
    source = ContentSource("blocks", json.dumps(document(*rows)))
    return a_content(source=source, context=context or SourceContext())


def found(*rows: Json, context: SourceContext | None = None) -> list[tuple[str, str, int]]:
    """Return code, block and line of the problems of the whole content."""
    problems = check_content(content(*rows, context=context), {"city"})
    return [(one.reason.code, one.block, one.line) for one in problems]


def text(at: str, *runs: Json | str) -> Json:
    return block("text", id=at, content=rich(*runs))


def test_an_unknown_field_is_reported_at_its_block() -> None:
    rows = (
        text("good", "Hi {{ subscriber.city }}"),
        text("tag0", paragraph(tag("subscriber.cty"))),
        block("button", id="btn0", label="Go {{ nobody }}", link="https://shop.example"),
    )
    assert found(*rows) == [
        ("template.misspelled_attribute", "tag0", 0),
        ("template.unknown_field_of", "btn0", 0),
    ]


def test_a_wrong_expression_is_reported_at_its_block() -> None:
    [(code, at, _)] = found(text("good", "Hi"), text("bad0", "{{ 1 + }}"), text("more", "Ho"))
    assert (code, at) == ("template.syntax", "bad0")


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ("{{ subscriber.city", "template.tag_not_closed"),
        ("{{{ subscriber.city }}", "template.tag_not_closed"),
        ("{{ 'subscriber.city }}", "template.tag_not_closed"),
        ("{{ (subscriber.city }}", "template.tag_not_closed"),
        ("{{{ subscriber.city }}}", "template.three_braces"),
    ],
)
def test_a_broken_tag_takes_nothing_else_with_it(broken: str, code: str) -> None:
    more = text("more", "{{ list.name }}")
    assert found(text("bad0", broken), more) == [(code, "bad0", 0)]
    button = block("button", id="bad0", label=broken, link="https://shop.example")
    assert found(button, more) == [(code, "bad0", 0), ("blocks.button_empty", "bad0", 0)]


def test_a_condition_in_a_text_ends_in_the_same_block() -> None:
    assert found(text("good", "{% if subscriber.city %}Hi{% endif %}")) == []
    rows = text("bad0", "{% if subscriber.city %}"), text("more", "{% endif %}")
    assert [one[:2] for one in found(*rows)] == [
        ("template.block_not_closed", "bad0"),
        ("template.unknown_tag", "more"),
    ]


def test_a_snippet_becomes_its_html_and_a_missing_one_is_reported_at_its_block() -> None:
    context = SourceContext(snippets={"hours": "<b>8 to 18</b>\n{{ subscriber.twn }}"})
    assert found(
        text("good", "{{ snippet.hours }}"), text("bad0", "{{ snippet.gone }}"), context=context
    ) == [("reference.unknown_snippet", "bad0", 0), ("template.unknown_attribute", "good", 0)]


def test_a_dead_link_is_reported_at_its_block() -> None:
    dead = words("Shop", mark("link", href="https://shop"))
    rows = content(text("good", "Hi"), text("dead", paragraph(dead)), block("button", label="Go"))
    assert [(one.kind, one.problem.block == "dead") for one in lint_content(rows)] == [
        ("link", True),
        ("link", False),
    ]


def test_unfinished_blocks_are_warnings() -> None:
    blocks = [
        block("heading", content=rich()),
        block("text", content=rich("  ")),
        block("image"),
        block("image", src="https://shop.example/a.png"),
        block("button", label="Go"),
        block("button", label=" ", link="https://shop.example"),
        block("social"),
        block("video"),
        block("html"),
        block("repeat"),
        block("product", title=""),
        block("quote", content=rich()),
    ]
    problems = check_content(content(section(*blocks)), ())
    assert {one.reason.code.partition(".")[0] for one in problems} == {"blocks"}
    assert not any(one.blocks for one in problems)
    assert len({one.block for one in problems}) == len(blocks)
