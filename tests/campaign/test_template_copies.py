"""Campaigns are copies of templates, and templates copies of campaigns."""

from datetime import UTC, datetime
from typing import Any

from flask import Flask

from campaigns.campaign import language_variants, template_copies
from campaigns.content.library import starters, templates
from campaigns.content.library.models import Brand
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_provider, a_sender, a_template, a_variant
from tests.readback import fresh_campaign

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CONTENT: dict[str, Any] = {
    "subject": "News", "preheader": "In short", "content_kind": "mjml", "source": "<mjml></mjml>",
    "inline_css": True,
}  # fmt: skip


def a_brand(sender_id: int | None) -> Brand:
    brand = Brand(name="Harbour", sender_id=sender_id)
    db.session.add(brand)
    db.session.flush()
    return brand


def test_a_campaign_gets_everything_from_its_template(app: Flask) -> None:
    with transaction():
        a_sender()
        sender = a_sender("brand@example.org", a_provider("Other"), is_default=False)
        brand = a_brand(sender.id)
        template = a_template("Monthly", brand_id=brand.id, **CONTENT)
        campaign = template_copies.campaign_from(template, editor_id=None, now=NOW)
    found = fresh_campaign(campaign)
    assert {name: getattr(found, name) for name in CONTENT} == CONTENT
    assert (found.name, found.status, found.brand_id) == ("Monthly", "draft", brand.id)
    assert found.sender_id == sender.id


def test_a_deleted_template_leaves_its_campaigns_alone(app: Flask) -> None:
    with transaction():
        template = a_template(**CONTENT)
        campaign = template_copies.campaign_from(template, editor_id=None, now=NOW)
        campaign.status, campaign.scheduled_at = "scheduled", NOW
    with transaction():
        templates.delete(template.id)
    found = fresh_campaign(campaign)
    assert (found.status, found.source) == ("scheduled", "<mjml></mjml>")


def test_a_campaign_from_a_starter_uses_the_default_sender(app: Flask) -> None:
    starter = starters.all()[0]
    with transaction():
        sender = a_sender()
        campaign = template_copies.campaign_from_starter(starter, editor_id=None, now=NOW)
    found = fresh_campaign(campaign)
    assert (found.content_kind, found.source) == ("blocks", starter.document)
    assert found.sender_id == sender.id


def test_a_sent_campaign_becomes_a_template(app: Flask) -> None:
    with transaction():
        brand = a_brand(None)
        campaign = a_campaign(status="sent", brand_id=brand.id, **CONTENT)
        template = template_copies.template_from(
            campaign, "From May", folder="News", editor_id=None, now=NOW
        )
    more = {"brand_id": brand.id, "variables": {}, "variants": {}}
    assert templates.content_of(template) == {**CONTENT, **more}
    assert (template.name, template.folder) == ("From May", "News")


def test_variables_and_languages_go_into_a_template_and_out_of_it(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(variables={"month": "May"}, **CONTENT)
        a_variant(campaign, "de", subject="Neues", source="<p>Hallo</p>", content_kind="html")
        template = template_copies.template_from(campaign, "News", editor_id=None, now=NOW)
        copy = templates.duplicate(template.id, "Copy", editor_id=None, now=NOW)
        made = template_copies.campaign_from(copy, editor_id=None, now=NOW)
    assert fresh_campaign(made).variables == {"month": "May"}
    [german] = language_variants.of_campaign(made.id)
    assert (german.language, german.subject, german.source) == ("de", "Neues", "<p>Hallo</p>")
