"""A campaign becomes a template, the template a campaign, and an old version is restored."""

import re

from flask import Flask
from playwright.sync_api import Page, expect

from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library.models import Template
from campaigns.db import db, transaction
from tests.browser.conftest import DRAFT_PATH


def test_a_template_is_saved_shown_used_and_a_version_restored(
    server: tuple[Flask, str], owner: Page
) -> None:
    app, url = server
    with app.app_context():
        draft = drafts.find(DRAFT_PATH.rpartition("/")[2])
        assert draft is not None
        with transaction():
            changes = {"content_kind": "html", "source": "<h1>From the quay</h1>"}
            drafts.save(draft.id, draft.version, changes, editor_id=None, now=utcnow())
        db.session.remove()

    owner.goto(url + DRAFT_PATH)
    owner.get_by_role("link", name="Save as template").click()
    owner.get_by_label("Name").fill("Monthly news")
    owner.get_by_label("Folder").fill("News")
    owner.get_by_role("button", name="Save template").click()
    expect(owner.get_by_role("heading", name="Monthly news")).to_be_visible()

    owner.get_by_role("link", name="Templates").first.click()
    shown = owner.frame_locator("iframe[title='Monthly news']")
    expect(shown.get_by_role("heading", name="From the quay")).to_be_visible()
    owner.get_by_role("link", name="News", exact=True).click()
    owner.get_by_role("button", name="Create a campaign from Monthly news").click()
    expect(owner).to_have_url(re.compile(r"/campaigns/\w{12}"))
    with app.app_context():
        template = db.session.query(Template).one()
        newest = db.session.query(Campaign).order_by(Campaign.id.desc()).first()
        assert newest is not None
        assert (newest.name, newest.source) == (template.name, "<h1>From the quay</h1>")
        newest_path = f"/campaigns/{newest.public_id}"
        with transaction():
            changes = {"content_kind": "html", "source": "<h1>By mistake</h1>"}
            drafts.save(newest.id, newest.version, changes, editor_id=None, now=utcnow())
        db.session.remove()

    owner.goto(f"{url}{newest_path}/versions")
    owner.locator("tbody tr").last.get_by_role("link").click()
    current = owner.frame_locator("iframe[title='Current content']")
    expect(current.get_by_role("heading", name="By mistake")).to_be_visible()
    owner.get_by_role("button", name="Restore this version").click()
    expect(owner.get_by_text("Version restored")).to_be_visible()
    with app.app_context():
        restored = drafts.find(newest_path.rpartition("/")[2])
        assert restored is not None
        assert restored.source == "<h1>From the quay</h1>"
        db.session.remove()
