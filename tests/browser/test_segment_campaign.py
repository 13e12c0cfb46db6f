"""A campaign to a list, limited to a segment: the people who get it are exactly those shown."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect

from campaigns.accounts.workspace import save_workspace
from campaigns.app import create_app
from campaigns.audience.models import AudienceList, Suppression
from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from campaigns.jobs import runtime
from campaigns.providers.models import ProviderAccount
from tests.browser.conftest import DRAFT_PATH, OWNER
from tests.browser.serving import log_in, served
from tests.conftest import settings_for_tests
from tests.factories import a_list, a_segment, a_subscriber
from tests.jobs.steps import run
from tests.smtp_server import ScriptedServer, scripted_server


@pytest.fixture
def shop(
    tmp_path: Path, data_dir_of_a_draft: Path, redis_url: str
) -> Iterator[tuple[Flask, str, ScriptedServer]]:
    """The draft's app with more people and segments, and the server that it sends through."""
    shutil.copytree(data_dir_of_a_draft, tmp_path, dirs_exist_ok=True)
    app = create_app(settings_for_tests(tmp_path, public_url="", redis_url=redis_url))
    with scripted_server() as smtp, served(app) as url:
        with app.app_context():
            with transaction():
                _add_people(smtp.port)
            db.session.remove()
        yield app, url, smtp


def _add_people(port: int) -> None:
    """Alice and Bob are on the list already, and Bob among the staff."""
    save_workspace(undo_seconds=0)
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    account.settings = {**account.settings, "port": port}
    news = db.session.scalars(sa.select(AudienceList).where(AudienceList.name == "News")).one()
    a_subscriber("carol@shop.example", news)
    a_subscriber("dan@shop.example", news)
    a_subscriber("erin@shop.example", a_list("Offers"))
    a_subscriber("frank@shop.example", news, state="unsubscribed")
    a_subscriber("grace@shop.example", news)
    db.session.add(Suppression(address_normal="grace@shop.example"))
    a_segment("Shop", {"kind": "domain", "op": "is_one_of", "values": ["shop.example"]})
    a_segment("Dan", {"kind": "address", "op": "starts_with", "value": "dan@"})


def _choose(page: Page, name: str, text: str) -> None:
    """Tick a chip by keyboard."""
    page.locator(f".chip:has(input[name={name}])", has_text=text).locator("input").press("Space")


def test_the_people_of_a_segment_who_are_subscribed_get_the_campaign(
    shop: tuple[Flask, str, ScriptedServer], context: BrowserContext
) -> None:
    app, url, smtp = shop
    log_in(context, app, url, OWNER)
    page = context.new_page()
    page.goto(url + DRAFT_PATH)
    page.wait_for_load_state("load")
    _choose(page, "include_segment", "Shop")
    page.locator("summary", has_text="Exclude").click()
    _choose(page, "exclude_segment", "Dan")
    expect(page.locator(".sum-total dd")).to_have_text("1")
    page.click("text=Review and send")
    expect(page.locator("dl.sum").first).to_contain_text("Not subscribed to the lists")
    expect(page.locator("main")).to_contain_text("Counted again when sending starts.")
    page.click("text=Send to 1 recipient")
    expect(page.locator("main")).to_contain_text("limited to Shop")
    with app.app_context():
        runtime.use(app)
        campaign_id = db.session.scalars(
            sa.select(Campaign.id).where(Campaign.public_id == DRAFT_PATH[-12:])
        ).one()
        try:
            run(campaign_id)
        finally:
            runtime.close_engine()
        db.session.remove()
    assert smtp.recipients == ["carol@shop.example"]


def test_what_a_search_finds_is_chosen_and_stays(
    shop: tuple[Flask, str, ScriptedServer], context: BrowserContext
) -> None:
    app, url, _smtp = shop
    with app.app_context():
        with transaction():
            for number in range(45):
                a_segment(f"Customers {number:02}", {"kind": "domain", "values": ["shop.example"]})
        db.session.remove()
    log_in(context, app, url, OWNER)
    page = context.new_page()
    page.goto(url + DRAFT_PATH)
    page.wait_for_load_state("load")
    search = page.get_by_label("Find a list or segment").first
    for text in ("Customers 41", "Customers 42"):
        search.fill(text)
        _choose(page, "include_segment", text)
    search.fill("")
    expect(page.locator("input[name=include_segment]:checked")).to_have_count(2)
    expect(page.locator(".sum")).to_contain_text("In several segments")
    page.reload()
    expect(page.locator("input[name=include_segment]:checked")).to_have_count(2)
