"""What a source is compiled with: exactly what it names, in few queries."""

import json

import pytest
from flask import Flask

from campaigns.content.library.context import context_of
from campaigns.content.library.mentions import mentions_in
from campaigns.content.sources.source import SourceContext
from campaigns.db import transaction
from tests.factories import a_saved_block, a_snippet
from tests.web.statements import counted


def context(source: str) -> SourceContext:
    return context_of(source, None, base_url="https://news.example.org", language="en")


def document(*rows: dict[str, object]) -> str:
    return json.dumps({"version": 1, "rows": rows})


@pytest.mark.parametrize(
    ("text", "snippets", "saved_blocks", "media"),
    [
        ("{{ snippet.promo }} {{snippet . sale}}", {"promo", "sale"}, set(), set()),
        ("{{ snippet['from'] }} {{ snippet[\"to-day\"] }}", {"from", "to-day"}, set(), set()),
        (document({"type": "saved", "saved": "abc123DEF456"}), set(), {"abc123DEF456"}, set()),
        (document({"tag": "snippet.promo"}), {"promo"}, set(), set()),
        ('<img src="media:abcdefghijkl"> media:short', set(), set(), {"abcdefghijkl"}),
        ("plain text about a snippet, and media: news", set(), set(), set()),
    ],
)
def test_names_are_found_in_sources_of_any_kind(
    text: str, snippets: set[str], saved_blocks: set[str], media: set[str]
) -> None:
    found = mentions_in([text])
    assert (found.snippets, found.saved_blocks, found.media) == (snippets, saved_blocks, media)


def test_only_what_is_named_is_loaded(app: Flask) -> None:
    with transaction():
        a_snippet("promo", "<p>Save</p>")
        a_snippet("other")
        offer = a_saved_block("Offer")
        a_saved_block("Unused")
    found = context("{{ snippet.promo }} {{ snippet.missing }}")
    assert (found.snippets, found.saved_blocks) == ({"promo": "<p>Save</p>"}, {})
    found = context(document({"type": "saved", "saved": offer.public_id}))
    assert (found.snippets, found.saved_blocks) == ({}, {offer.public_id: offer.rows})


def test_snippets_inside_snippets_and_saved_blocks_are_loaded(app: Flask) -> None:
    with transaction():
        offer = a_saved_block("Offer", "{{ snippet.outer }}")
        a_snippet("outer", "{{ snippet.inner }} {{ snippet.outer }}")
        a_snippet("inner", "deep")
    found = context(document({"type": "saved", "saved": offer.public_id}))
    assert found.snippets == {"outer": "{{ snippet.inner }} {{ snippet.outer }}", "inner": "deep"}


@pytest.mark.runs_on("sqlite")
def test_a_source_that_names_nothing_costs_one_query(app: Flask) -> None:
    with counted() as statements:
        context("<p>Hello {{ subscriber.name }}</p>")
    assert len(statements) == 1
