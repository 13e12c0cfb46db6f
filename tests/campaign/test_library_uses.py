"""Where snippets and saved blocks are shown: in what is still to be sent, and nowhere else."""

import json

from flask import Flask

from campaigns.campaign.library_uses import ContentUse, uses_of_saved_block, uses_of_snippet
from campaigns.db import transaction
from tests.factories import a_campaign, a_saved_block, a_snippet, a_template, a_variant


def titles(uses: list[ContentUse]) -> list[tuple[str, str]]:
    return [(use.kind, use.title) for use in uses]


def test_drafts_templates_blocks_and_snippets_that_show_a_snippet_are_found(app: Flask) -> None:
    with transaction():
        a_campaign(name="Draft", source="<p>{{ snippet.promo }}</p>")
        a_campaign(name="Sent", source="{{ snippet.promo }}", status="sent")
        a_campaign(name="Another", source="{{ snippet.promo_2 }} promo")
        a_template("Monthly", source="{{ snippet['promo'] }}")
        a_saved_block("Offer", "{{ snippet.promo }}")
        a_snippet("outer", "{{ snippet.promo }}", "Outer")
    assert titles(uses_of_snippet("promo")) == [
        ("campaign", "Draft"),
        ("template", "Monthly"),
        ("saved_block", "Offer"),
        ("snippet", "Outer"),
    ]
    assert uses_of_snippet("other") == []


def test_drafts_and_templates_that_show_a_saved_block_are_found(app: Flask) -> None:
    with transaction():
        saved = a_saved_block()
        rows = [{"type": "saved", "id": "aaaa", "saved": saved.public_id}]
        source = json.dumps({"version": 1, "rows": rows})
        a_campaign(subject="Hello {{ subscriber.name or 'you' }}", source=source)
        a_campaign(name="Only text", source=f"<p>{saved.public_id}</p>")
        a_template("Monthly", source=source)
    assert titles(uses_of_saved_block(saved.public_id)) == [
        ("campaign", "Hello you"),
        ("template", "Monthly"),
    ]


def test_variants_in_other_languages_count_as_their_draft(app: Flask) -> None:
    with transaction():
        draft = a_campaign(name="Draft", source="<p>Hello</p>")
        a_variant(draft, "de", source="{{ snippet.promo }}")
        a_variant(draft, "fr", source="{{ snippet.promo }}")
    assert titles(uses_of_snippet("promo")) == [("campaign", "Draft")]


def test_templates_show_what_their_other_languages_show(app: Flask) -> None:
    with transaction():
        saved = a_saved_block()
        rows = [{"type": "saved", "id": "aaaa", "saved": saved.public_id}]
        german = {"source": json.dumps({"version": 1, "rows": rows})}
        french = {"source": "{{ snippet['promo'] }}"}
        a_template("Monthly", variants={"de": german, "fr": french})
    assert titles(uses_of_saved_block(saved.public_id)) == [("template", "Monthly")]
    assert titles(uses_of_snippet("promo")) == [("template", "Monthly")]
