"""The versions of campaigns and templates: listed, compared and restored."""

import json

import pytest
from flask.testing import FlaskClient

from campaigns.campaign import drafts, language_variants
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library import templates
from campaigns.content.library.models import ContentVersion
from campaigns.db import db, transaction
from tests.factories import a_brand, a_campaign, a_template, a_variant
from tests.readback import fresh_campaign


def save(campaign: Campaign, source: str, kind: str = "html", subject: str = "News") -> None:
    changes = {"source": source, "content_kind": kind, "subject": subject}
    with transaction():
        version = fresh_campaign(campaign).version
        drafts.save(campaign.id, version, changes, editor_id=None, now=utcnow())


def document(text: str, block_id: str = "head1") -> str:
    inline = {"type": "text", "text": text}
    content = {"type": "doc", "content": [{"type": "paragraph", "content": [inline]}]}
    block = {"id": block_id, "type": "heading", "content": content}
    section = {"id": "sect1", "type": "section", "columns": [{"id": "col1", "blocks": [block]}]}
    return json.dumps({"version": 1, "rows": [section]})


@pytest.fixture
def campaign(owner_client: FlaskClient) -> Campaign:
    with transaction():
        return a_campaign(name="Spring", source="<p>one</p>\n<p>same</p>", subject="First")


def path_of(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.public_id}/versions"


def test_versions_are_listed_and_compared_by_line(
    owner_client: FlaskClient, campaign: Campaign
) -> None:
    path = path_of(campaign)
    assert "No earlier versions yet" in owner_client.get(path).text
    save(campaign, "<p>two</p>\n<p>same</p>")
    page = owner_client.get(path).text
    assert "Current version" in page
    assert f'href="{path}/1"' in page
    compared = owner_client.get(f"{path}/1").text
    assert "&lt;p&gt;one&lt;/p&gt;" in compared
    assert "&lt;p&gt;two&lt;/p&gt;" in compared
    assert "First" in compared
    assert "<p>one</p>" in owner_client.get(f"{path}/1/frame").text
    assert "<p>two</p>" in owner_client.get(f"{path}/0/frame?side=new&against=1").text
    assert "Both versions are the same" in owner_client.get(f"{path}/2").text
    for missing in ("/0", "/9", "/9/frame", "/1?with=9", "/99999999999"):
        assert owner_client.get(f"{path}{missing}").status_code == 404


def test_changed_blocks_are_outlined_in_both_frames(
    owner_client: FlaskClient, campaign: Campaign
) -> None:
    save(campaign, document("Before"), "blocks")
    save(campaign, document("After"), "blocks")
    save(campaign, document("Other", "head2"), "blocks")
    path = path_of(campaign)
    changed = owner_client.get(f"{path}/2/frame?against=3&side=old").text
    assert "Before" in changed
    assert ".b-head1 { outline: 3px solid #d97706" in changed
    removed = owner_client.get(f"{path}/3/frame?against=4&side=old").text
    assert ".b-head1 { outline: 3px solid #dc2626" in removed
    added = owner_client.get(f"{path}/4/frame?against=3&side=new").text
    assert ".b-head2 { outline: 3px solid #16a34a" in added


def test_a_version_is_restored_as_a_new_one(owner_client: FlaskClient, campaign: Campaign) -> None:
    save(campaign, "<p>two</p>")
    answer = owner_client.post(f"{path_of(campaign)}/1/restore")
    assert answer.location == f"/campaigns/{campaign.public_id}/content"
    found = fresh_campaign(campaign)
    assert (found.source, found.subject, found.version) == ("<p>one</p>\n<p>same</p>", "First", 3)
    assert owner_client.post(f"{path_of(campaign)}/9/restore").status_code == 404


def test_only_drafts_are_restored(owner_client: FlaskClient, campaign: Campaign) -> None:
    save(campaign, "<p>two</p>")
    with transaction():
        fresh_campaign(campaign).status = "sent"
    assert "Restore" not in owner_client.get(f"{path_of(campaign)}/1").text
    owner_client.post(f"{path_of(campaign)}/1/restore")
    assert "Only drafts can be changed" in owner_client.get(path_of(campaign)).text
    assert fresh_campaign(campaign).source == "<p>two</p>"


def test_templates_have_versions_too(owner_client: FlaskClient) -> None:
    with transaction():
        template = a_template("Monthly", content_kind="html", source="<p>one</p>")
    with transaction():
        templates.save(template.id, 1, {"source": "<p>two</p>"}, editor_id=None, now=utcnow())
    path = f"/templates/{template.public_id}/versions"
    assert f'href="{path}/1"' in owner_client.get(path).text
    owner_client.post(f"{path}/1/restore")
    found = templates.find(template.public_id)
    assert found is not None
    assert (found.source, found.version) == ("<p>one</p>", 3)
    assert owner_client.get("/templates/nothing/versions").status_code == 404


def test_a_comparison_shows_brand_variables_and_each_language(
    owner_client: FlaskClient, campaign: Campaign
) -> None:
    with transaction():
        brand = a_brand("Harbour")
        a_variant(campaign, "de", subject="Neues", source="<p>eins</p>", content_kind="html")
        drafts.save(
            campaign.id,
            1,
            {"brand_id": brand.id, "variables": {"month": "May"}},
            editor_id=None,
            now=utcnow(),
        )
        language_variants.save(
            campaign.id, "de", 1, {"source": "<p>zwei</p>"}, editor_id=None, now=utcnow()
        )
    path = path_of(campaign)
    page = owner_client.get(f"{path}/1").text
    assert "Harbour" in page
    assert "<code>month</code> May" in page
    assert "Both versions are the same" not in page
    german = owner_client.get(f"{path}/1?language=de").text
    assert "Neues" in german
    assert "&lt;p&gt;zwei&lt;/p&gt;" in german
    assert "<p>eins</p>" in owner_client.get(f"{path}/1/frame?language=de").text
    assert owner_client.get(f"{path}/1/frame?language=fr").status_code == 404
    assert owner_client.get(f"{path}/1?language=fr").status_code == 200


def test_a_version_of_an_earlier_release_says_what_it_does_not_hold(
    owner_client: FlaskClient, campaign: Campaign
) -> None:
    with transaction():
        fresh_campaign(campaign).version = 2
    with transaction():
        a_variant(campaign, "de", source="<p>eins</p>", content_kind="html")
        db.session.add(
            ContentVersion(
                campaign_id=campaign.id,
                version=1,
                content_kind="html",
                source="<p>before</p>",
                saved_at=utcnow(),
            )
        )
    path = path_of(campaign)
    page = owner_client.get(f"{path}/1").text
    assert "Restoring it leaves them as they are." in page
    assert "Not recorded" in page
    assert "was not recorded" in owner_client.get(f"{path}/1?language=de").text
