"""Changing a source to another kind: what is kept, and that the result compiles."""

import json

import pytest

from campaigns.content.library import starters
from campaigns.content.sources.compile import COMPILERS, compile_source
from campaigns.content.sources.convert import blank, convert, loss_of
from campaigns.content.sources.source import KINDS, ContentSource, SourceContext, SourceKind

CONTEXT = SourceContext()
HTML = ContentSource(
    "html",
    "<h1>News</h1><p>Hi {{ subscriber.name }}, <a href='https://a.example/x'>read</a></p>"
    "<table>{% for x in subscriber.items %}<tr><td>{{ x }}</td></tr>{% endfor %}</table>",
)


def _a_letter() -> ContentSource:
    letter = starters.find("letter")
    assert letter is not None
    return ContentSource("blocks", letter.document)


def test_html_becomes_its_text_with_merge_tags_and_links() -> None:
    text = convert(HTML, "text", CONTEXT).text
    assert text.startswith("News\n\nHi {{ subscriber.name }}, read (https://a.example/x)")
    assert "{% for x in subscriber.items %}" in text
    assert "<" not in text


def test_blocks_become_html_that_looks_the_same() -> None:
    source = _a_letter()
    converted = convert(source, "html", CONTEXT)
    assert converted.kind == "html"
    assert "".join(converted.text.split()) == "".join(compile_source(source, CONTEXT).html.split())


def test_blocks_become_mjml_that_compiles_to_the_same_words() -> None:
    source = _a_letter()
    converted = convert(source, "mjml", CONTEXT)
    page = compile_source(converted, CONTEXT)
    assert page.problems == ()
    assert "I want to tell you about one thing today" in page.html


def test_the_footer_that_every_email_gets_does_not_become_text() -> None:
    text = convert(_a_letter(), "markdown", CONTEXT).text
    assert "I want to tell you about one thing today" in text
    assert "unsubscribe" not in text.lower()


def test_merge_tags_in_text_become_merge_tags_of_blocks() -> None:
    source = ContentSource("text", 'Hi {{ subscriber.name or "you" }},\n\nbye')
    row = json.loads(convert(source, "blocks", CONTEXT).text)["rows"][0]
    paragraphs = row["columns"][0]["blocks"][0]["content"]["content"]
    assert [node["type"] for node in paragraphs[0]["content"]] == ["text", "mergeTag", "text"]
    assert paragraphs[0]["content"][1]["attrs"] == {"tag": "subscriber.name", "fallback": "you"}
    assert len(paragraphs) == 2


def test_angle_brackets_of_a_text_stay_visible_in_html() -> None:
    source = ContentSource("text", "1 < 2 & {{ subscriber.name }}")
    assert convert(source, "html", CONTEXT).text == "<p>1 &lt; 2 &amp; {{ subscriber.name }}</p>"


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("kind", COMPILERS)
def test_every_kind_becomes_every_other_without_blocking_problems(
    kind: SourceKind, to: SourceKind
) -> None:
    for text in (blank(kind), "", "{% if", "\ud800", "[" * 2_000):
        converted = convert(ContentSource(kind, text), to, CONTEXT)
        assert converted.kind == to
    if to in COMPILERS:
        page = compile_source(ContentSource(to, blank(to)), CONTEXT)
        assert not any(problem.blocks for problem in page.problems)


def test_only_the_way_back_is_lost_where_the_email_looks_the_same() -> None:
    assert loss_of("blocks", "html") == loss_of("mjml", "html") == "way_back"
    assert loss_of("markdown", "text") == "nothing"
    assert loss_of("html", "blocks") == loss_of("blocks", "text") == "design"
