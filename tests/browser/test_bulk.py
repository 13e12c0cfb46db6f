"""Tag everyone who matches, in the background, and undo it."""

import shutil
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect

from campaigns.app import create_app
from campaigns.audience.bulk import runs
from campaigns.audience.bulk.models import BulkRun
from campaigns.audience.bulk.runs import Actor, BulkAction
from campaigns.audience.models import SubscriberTag
from campaigns.audience.selection import Selection
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.browser.conftest import OWNER
from tests.browser.serving import log_in, served
from tests.conftest import settings_for_tests
from tests.factories import subscribers
from tests.jobs.test_bulk import a_worker

PEOPLE = 720


def test_all_matching_are_tagged_by_a_worker_and_undone(
    context: BrowserContext, tmp_path: Path, data_dir_of_a_draft: Path, redis_url: str
) -> None:
    shutil.copytree(data_dir_of_a_draft, tmp_path, dirs_exist_ok=True)
    app = create_app(settings_for_tests(tmp_path, public_url="", redis_url=redis_url))
    with app.app_context():
        with transaction():
            subscribers(f"p{number}@shop.example" for number in range(PEOPLE))
        db.session.remove()
    with served(app) as url, a_worker(tmp_path, redis_url):
        log_in(context, app, url, OWNER)
        page = context.new_page()
        page.goto(f"{url}/subscribers?q=@shop.example")
        page.get_by_label("Select all on this page").check()
        page.get_by_role("button", name=f"Select all {PEOPLE} matching subscribers").click()
        expect(page.get_by_text(f"All {PEOPLE} matching subscribers are selected")).to_be_visible()
        page.get_by_role("button", name="Tags", exact=True).click()
        page.get_by_label("Tag", exact=True).fill("Spring")
        page.keyboard.press("Enter")
        toast = page.locator(".app-toast")
        expect(toast).to_contain_text(f"Added the tag “Spring” to {PEOPLE} subscribers.")
        page.goto(f"{url}/subscribers")  # the toast is gone; the task is still there
        page.get_by_role("button", name="Views").click()
        page.get_by_role("link", name="Background tasks").click()
        page.get_by_role("link", name="Add tag “Spring”").click()
        with app.app_context():
            count = sa.select(sa.func.count()).select_from(SubscriberTag)
            assert db.session.scalar(count) == PEOPLE
            db.session.remove()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text(f"Undone for {PEOPLE} subscribers.")).to_be_visible()
        with app.app_context():
            assert db.session.scalar(count) == 0
            db.session.remove()


def test_a_run_is_stopped_although_its_progress_was_shown_again_meanwhile(
    server: tuple[Flask, str], owner: Page
) -> None:
    app, url = server
    with app.app_context():
        planned = runs.plan(Selection(), now=utcnow())
        with transaction():
            run = runs.start(planned, BulkAction("erase", {}), Actor(None, ""), now=utcnow())
            path = f"/subscribers/tasks/{run.public_id}"
        db.session.remove()
    owner.goto(url + path)
    stop = owner.get_by_role("button", name="Stop")
    stop.click()
    for _ in range(2):
        with owner.expect_response("**/progress"):
            pass
    owner.locator("#confirm-dialog").get_by_role("button", name="Stop").click()
    expect(owner.get_by_text("Changes made before that stay")).to_be_visible()
    with app.app_context():
        assert db.session.query(BulkRun).one().status == "cancelled"
        db.session.remove()
