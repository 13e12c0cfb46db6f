"""Which campaigns show a field: themselves, or through snippets and saved blocks."""

import json
from datetime import UTC, datetime

from flask import Flask

from campaigns.campaign import lifecycle
from campaigns.campaign.usage import campaigns_using_fields
from campaigns.content.library import snippets
from campaigns.db import transaction
from tests.factories import a_campaign, a_list, a_saved_block, a_sender, a_snippet, a_variant

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def titles(key: str) -> list[str]:
    return [use.title for use in campaigns_using_fields([key, "other"])[key]]


def test_drafts_that_show_a_field_themselves_are_named_once(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(name="Own", source="{{ subscriber.city }}")
        a_variant(campaign, "de", source="{{ subscriber['city'] }}")
        a_campaign(name="Another", source="{{ subscriber.town }} city")
        a_campaign(name="Sent", source="{{ subscriber.city }}", status="sent")
    assert titles("city") == ["Own"]


def test_drafts_that_show_a_field_through_the_library_are_named(app: Flask) -> None:
    with transaction():
        a_snippet("inner", "{{ subscriber.attributes.city }}")
        a_snippet("outer", "{{ snippet.inner }}")
        saved = a_saved_block("Offer", 'For {{ subscriber["city"] }}')
        rows = [{"type": "saved", "id": "aaaa", "saved": saved.public_id}]
        a_campaign(name="Nested", source="<p>{{ snippet.outer }}</p>")
        a_campaign(name="Blocks", source=json.dumps({"version": 1, "rows": rows}))
        german = a_campaign(name="In German", source="<p>Hello</p>")
        a_variant(german, "de", source="{{ snippet.inner }}")
        a_campaign(name="Missing", source="{{ snippet.gone }}")
    assert titles("city") == ["Nested", "Blocks", "In German"]


def test_a_scheduled_campaign_shows_what_its_snippets_were_at_the_launch(app: Flask) -> None:
    with transaction():
        snippet = a_snippet("promo", "{{ subscriber.city }}")
        campaign = a_campaign(
            a_list(), sender=a_sender(), name="Scheduled", source="{{ snippet.promo }}"
        )
        lifecycle.launch(campaign.id, at=None, undo_seconds=600, now=NOW)
        snippets.save(snippet.id, 1, name="Promo", source="Nothing", now=NOW)
    assert titles("city") == ["Scheduled"]
