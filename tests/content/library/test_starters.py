"""Starter designs compile without problems, can be read in both modes, and are all registered."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from campaigns import formatting
from campaigns.content import lint
from campaigns.content.brand_style import BrandStyle
from campaigns.content.library import starters
from campaigns.content.library.sample_text import sample_sentences
from campaigns.content.library.starters import StarterDesign
from campaigns.content.mime.compile import Content, lint_content
from campaigns.content.sources.blocks.colours import contrast
from campaigns.content.sources.blocks.document import Document, FooterRow
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext
from campaigns.paths import resource_root
from campaigns.wording import Words

CONTEXT = SourceContext(base_url="https://news.example.net")
MAX_BYTES = 60_000
Json = dict[str, Any]

each_starter = pytest.mark.parametrize("starter", starters.all(), ids=lambda one: one.name)


def compiled(document: str) -> CompiledPage:
    return compile_source(ContentSource("blocks", document), CONTEXT)


def nodes(value: object) -> Iterator[Json]:
    """Yield every object of the document, at any depth."""
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from nodes(one)
    elif isinstance(value, list):
        for one in value:
            yield from nodes(one)


def content(document: str) -> Content:
    return Content(
        subject="News", preheader="", sender_name="", sender_address="", reply_to="", identity="",
        postal_address="", campaign_public_id="", base_url=CONTEXT.base_url, list_names={},
        track_opens=False, track_clicks=False, use_return_path=False,
        source=ContentSource("blocks", document), context=CONTEXT,
    )  # fmt: skip


def starter_findings(document: str) -> list[lint.Finding]:
    found = lint_content(content(document), sample_sentences())
    return [one for one in found if one.kind == "starter"]


@each_starter
def test_a_starter_is_a_document_that_ends_with_the_legal_footer(starter: StarterDesign) -> None:
    document = Document.model_validate_json(starter.document)
    assert len(document.rows) > 1
    assert isinstance(document.rows[-1], FooterRow)
    assert starters.find(starter.name) == starter
    for reason in (starter.title, starter.text, starter.group):
        assert Words(formatting.DEFAULT_LOCALE).sentence(reason.code)


@each_starter
def test_a_starter_compiles_without_problems_to_a_light_page(starter: StarterDesign) -> None:
    page = compiled(starter.document)
    assert [problem.reason for problem in page.problems] == []
    assert len(page.html.encode()) < MAX_BYTES
    assert "{{ unsubscribe_url }}" in page.html


@each_starter
def test_images_of_a_starter_are_ours_and_have_alternative_texts(starter: StarterDesign) -> None:
    for node in nodes(json.loads(starter.document)):
        source = node.get("src") or node.get("image")
        if source:
            name = source.removeprefix("placeholder:")
            assert (resource_root() / f"static/img/placeholder/{name}.png").is_file()
            assert node.get("alt") or node["type"] == "quote"


@each_starter
def test_texts_of_a_starter_can_be_read_on_their_background(starter: StarterDesign) -> None:
    brand = BrandStyle()
    for colour, ground in set(painted(json.loads(starter.document))):
        for palette in (brand.light, brand.dark):
            ratio = contrast(getattr(palette, colour), getattr(palette, ground))
            assert ratio >= 4.5, (colour, ground)


def painted(document: Json) -> Iterator[tuple[str, str]]:
    """Yield each colour of a text with the colour behind it."""
    usual = {"heading": "heading", "text": "text", "quote": "text", "product": "text"}
    for row in document["rows"]:
        for column in row.get("columns", []):
            ground = column.get("background") or row.get("background") or "surface"
            for block in column["blocks"]:
                if block["type"] == "button":
                    fill = block.get("background") or "accent"
                    yield block.get("colour") or "on_accent", fill
                elif block["type"] in usual:
                    yield block.get("colour") or usual[block["type"]], ground
                if any(node.get("type") == "link" for node in nodes(block)):
                    yield "accent", ground


@each_starter
def test_untouched_text_is_found_in_a_review_and_own_text_is_not(starter: StarterDesign) -> None:
    assert starter_findings(starter.document)
    document = json.loads(starter.document)
    for node in nodes(document):
        for key in ("text", "title", "label", "alt", "author", "role", "price", "old_price"):
            if isinstance(node.get(key), str) and node[key]:
                node[key] = "Our own words about something else entirely"
    assert starter_findings(json.dumps(document)) == []


def test_every_document_is_registered_once_and_groups_are_together() -> None:
    files = {path.stem for path in (resource_root() / "templates/newsletter").glob("*.json")}
    names = [one.name for one in starters.all()]
    assert sorted(names) == sorted(files)
    assert len(names) >= 12
    groups = [one.group.code for one in starters.all()]
    changes = sum(first != second for first, second in pairwise(groups))
    assert changes + 1 == len(set(groups))
    assert starters.find("nothing") is None
