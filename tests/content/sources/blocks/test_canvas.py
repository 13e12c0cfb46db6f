"""The canvas shows every block, also what recipients do not see, and can find each."""

import html
import re
from dataclasses import replace

import pytest

from campaigns.content.brand_style import BrandStyle
from campaigns.content.sources.source import CompiledPage, SourceContext
from tests.content.sources.blocks.documents import Json, block, compiled, rich, section

CANVAS = SourceContext(is_canvas=True, base_url="https://news.example")


def shown(*rows: Json, context: SourceContext = CANVAS) -> CompiledPage:
    return compiled(*rows, context=context)


def ids(page: CompiledPage) -> set[str]:
    """Return the ids of all blocks that the page has an element of."""
    body = page.html[page.html.index("<body") :]
    classes = re.findall(r'class="([^"]*)"', re.sub(r"<!--.*?-->", "", body))
    return {one[2:] for found in classes for one in found.split() if one.startswith("b-")}


EMPTY = [
    block("heading", content=rich()),
    block("text", content=rich()),
    block("image"),
    block("logo"),
    block("button", label=""),
    block("divider"),
    block("spacer"),
    block("social"),
    block("product", title=""),
    block("quote", content=rich()),
    block("video"),
    block("html"),
    block("repeat"),
]


def test_every_section_column_and_block_can_be_found_even_if_empty() -> None:
    blocks = [{**one, "id": f"empty{number:02}"} for number, one in enumerate(EMPTY)]
    row = {"type": "section", "id": "row0", "columns": [{"id": "col0", "blocks": blocks}]}
    page = shown(row, block("footer", id="foot"))
    assert ids(page) == {"row0", "col0", "foot", *(one["id"] for one in blocks)}


def test_recipients_see_nothing_of_empty_blocks() -> None:
    page = compiled(section(*EMPTY[:5]))
    for text in ("Write your text here", "data:image", "<h2", "<img"):
        assert text not in page.html


def test_conditions_and_lists_are_shown_once_without_their_statements() -> None:
    when = {"kind": "segment", "segment": "abcdefghijkl"}
    inner = block("text", id="item0", content=rich("{{ item.name }}"))
    page = shown(
        section(block("text", id="text0", content=rich("For some"), when=when), when=when),
        block("repeat", id="list0", each="subscriber.products", blocks=[inner]),
    )
    assert "{%" not in page.html
    assert "For some" in page.html
    assert page.html.count("{{ item.name }}") == 1
    assert 'class="b-item0 b-list0' in page.html


def test_what_is_hidden_somewhere_stays_visible() -> None:
    page = shown(block("text", id="text0", content=rich("Small"), hide_on="desktop"))
    assert 'class="b-text0 only-phone' in page.html
    assert "display:none" not in page.html[page.html.index("<body") :]


def test_the_rows_of_a_saved_block_are_found_as_one() -> None:
    rows = [section(block("text", id="text0", content=rich("Saved")), id="row0")] * 2
    context = replace(CANVAS, saved_blocks={"abcdefghijkl": rows})
    saved = {"type": "saved", "id": "save0", "saved": "abcdefghijkl"}
    assert ids(shown(saved, block("footer", id="foot"), context=context)) == {"save0", "foot"}
    assert ids(shown(saved, block("footer", id="foot"))) == {"save0", "foot"}


@pytest.mark.parametrize("text", ["{{ subscriber.city", "{% if x %}", "{{ 1 + }}"])
def test_a_text_with_a_mistake_does_not_empty_the_canvas(text: str) -> None:
    page = shown(block("text", id="bad0", content=rich(text)), block("text", content=rich("Good")))
    assert text in html.unescape(page.html)
    assert "Good" in page.html


def test_dark_mode_and_fonts_are_those_of_the_email() -> None:
    brand = BrandStyle(body_font="georgia")
    page = shown(block("text", content=rich("Hi")), context=replace(CANVAS, brand=brand))
    assert "prefers-color-scheme:dark" in page.html
    assert "font-family:Georgia,serif" in page.html
