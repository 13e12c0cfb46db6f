"""In Arabic, Hebrew, Persian and Urdu, an email begins at the right, whatever its kind."""

import json
import re

import pytest

from campaigns.content.html.direction import is_rtl, sided
from campaigns.content.mime.compile import compile_content
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, SourceContext, SourceKind
from tests.content.samples import SIGNER, a_content, a_recipient
from tests.content.sources.blocks.documents import block, document, rich

LIST = {"type": "bulletList", "content": [{"type": "listItem", "content": rich("a")["content"]}]}
BLOCKS = json.dumps(
    document(
        block("heading", content=rich("H")),
        block("text", content={"type": "doc", "content": [LIST]}),
        block("button", label="Go", link="https://shop.example/"),
        block("quote", content=rich("Q")),
        block("html", code="<p>x</p>"),
    )
)
MJML = (
    "<mjml>{}<mj-body><mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section>"
    "</mj-body></mjml>"
)
SOURCES: list[tuple[SourceKind, str]] = [
    ("blocks", BLOCKS),
    ("markdown", "# H\n\n- a\n\n> q\n\n| a |\n| - |\n| b |\n"),
    ("mjml", MJML.format("")),
    ("mjml", MJML.format("<mj-head><mj-title>t</mj-title></mj-head>")),
    ("html", "<p>Hello</p>"),
]


def page_in(language: str, kind: SourceKind, text: str) -> str:
    source, context = ContentSource(kind, text), SourceContext(language=language)
    content = a_content(source=source, context=context, language=language)
    return compile_content(content, SIGNER).preview(a_recipient()).html


@pytest.mark.parametrize("language", ["ar", "he", "fa_IR", "ur"])
@pytest.mark.parametrize(("kind", "text"), SOURCES)
def test_a_page_in_a_language_from_right_to_left_begins_at_the_right(
    kind: SourceKind, text: str, language: str
) -> None:
    html = page_in(language, kind, text)
    assert re.search(rf'<html lang="{language[:2]}[^"]*" dir="rtl"', html)
    assert re.search(r'<(?:div|table)[^>]* dir="rtl"', html)
    styled = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)
    assert "text-align:right" in styled
    assert not re.search(r'align="left"|padding-left|border-left|direction:ltr', styled)
    # The compiler's columns have it; each text inside of them has a side of its own.
    columns = re.sub(r'class="mj-outlook-group-fix[^>]*text-align:left', "", styled)
    assert not re.search(r"text-align:\s*left", columns)


@pytest.mark.parametrize(("kind", "text"), SOURCES)
def test_other_languages_begin_at_the_left(kind: SourceKind, text: str) -> None:
    html = page_in("de", kind, text)
    assert 'dir="rtl"' not in html
    assert "right" not in re.sub(r"padding-right|copyright", "", html).lower()


def test_a_side_that_was_chosen_stays() -> None:
    for kind in ("heading", "text"):
        chosen = block(kind, content=rich("Seen"), align="left")
        source = ContentSource("blocks", json.dumps(document(chosen)))
        html = compile_source(source, SourceContext(language="ar")).html
        before = html.partition("Seen")[0]
        assert before.rpartition("text-align:")[2].startswith("left")
    own = "<mj-head><mj-attributes><mj-text align='left'/></mj-attributes></mj-head>"
    assert 'align="left"' in page_in("ar", "mjml", MJML.format(own))
    assert "direction:rtl" not in page_in(
        "ar", "mjml", MJML.format("").replace("<mjml", "<mjml dir='ltr'")
    )


def test_a_page_without_html_says_its_direction_in_the_browser() -> None:
    source = ContentSource("text", "Hello")
    ready = compile_content(a_content(source=source, language="he"), SIGNER)
    assert '<html lang="he" dir="rtl">' in ready.render_web(a_recipient())


def test_sides_of_styles_change_with_the_language() -> None:
    css = "padding:1px 2px 3px 4px;margin: 0 0 1px;border-left:0;float:right"
    assert sided(css, "en") == css
    assert sided(css, "ar") == "padding:1px 4px 3px 2px;margin: 0 0 1px;border-right:0;float:left"
    assert is_rtl("ar-EG")
    assert not is_rtl("arn")
