"""A document of blocks becomes the HTML of an email."""

import html
import re

import pytest

from campaigns.content.sources.blocks.rows import widths
from tests.content.sources.blocks.documents import (
    block,
    codes,
    compiled,
    mark,
    paragraph,
    rich,
    tag,
    words,
)


def test_texts_are_escaped_and_merge_tags_are_kept() -> None:
    page = compiled(
        block("heading", content=rich(paragraph(words("<Hi> "), tag("subscriber.name", 'a "b"')))),
        block("text", content=rich("1 < 2 & {{ subscriber.city }}")),
        block(
            "button", label='Go, {{ list.name or "all" }} >', link="https://shop.example/?a=1&b=2"
        ),
    )
    assert page.problems == ()
    assert '&lt;Hi&gt; {{ subscriber.name or "a \\"b\\"" }}' in page.html
    assert "1 &lt; 2 &amp; {{ subscriber.city }}" in page.html
    assert 'Go, {{ list.name or "all" }} &gt;</a>' in page.html
    assert 'href="https://shop.example/?a=1&amp;b=2"' in page.html


def test_marks_become_elements_with_the_link_outside() -> None:
    bold = words("there", mark("bold"), mark("link", href="https://shop.example/"))
    page = compiled(block("text", content=rich(paragraph(bold))))
    assert 'href="https://shop.example/"' in page.html
    assert "<strong>there</strong></a>" in page.html


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "page"])
def test_a_link_of_another_scheme_is_refused(url: str) -> None:
    page = compiled(block("button", label="Go", link=url))
    assert "blocks.unsafe_link" in codes(page)
    assert url not in page.html


def test_every_document_ends_with_a_footer() -> None:
    assert compiled().html.count("{{ unsubscribe_url }}") == 1
    page = compiled(block("footer"), block("spacer", height=77))
    assert page.html.count("{{ unsubscribe_url }}") == 1
    assert page.html.index("height:77px") < page.html.index("{{ unsubscribe_url }}")


def test_widths_of_columns_add_up_to_the_whole_row() -> None:
    assert widths([0, 0]) == [50, 50]
    assert widths([30, 0]) == [30, 70]
    assert widths([80, 80]) == [50, 50]
    assert sum(widths([100, 0, 0])) == pytest.approx(100)


def test_a_section_takes_one_to_four_columns() -> None:
    page = compiled({"type": "section", "columns": [{"blocks": []}] * 4})
    assert page.html.count("mj-column-per-25") >= 4
    assert codes(compiled({"type": "section", "columns": []})) == ["blocks.bad_value"]


@pytest.mark.parametrize("text", ["a\\b", "e\u0301", "\U0001f469\u200d\U0001f467", "a\xa0b", "Ω—é"])
def test_every_character_reaches_an_attribute_as_written(text: str) -> None:
    page = compiled(block("image", src="https://shop.example/a.png", alt=text))
    shown = re.search(r'<img alt="([^"]*)"', page.html)
    assert shown is not None
    assert html.unescape(shown[1]) == text
