"""Fields are made, imported into and promoted, as a marketer does it in a browser."""

from pathlib import Path

from flask import Flask
from playwright.sync_api import Page, expect

from campaigns.audience.fields import changes
from campaigns.audience.models import ImportRun, Subscriber
from campaigns.db import db
from campaigns.jobs import fields as job
from campaigns.jobs import imports

FILE = """email,Birthday,member since,topics
ann@shop.example,31.05.1980,5/31/2019,"VIP, Blog"
bob@shop.example,n/a,13.1.2020,Blog
eve@shop.example,5/31/1980,soon,
"""


def test_fields_are_made_imported_into_and_promoted(
    server: tuple[Flask, str], owner: Page, tmp_path: Path
) -> None:
    (app, url), file = server, tmp_path / "members.csv"
    file.write_text(FILE)
    _create(owner, url)
    _import(owner, app, url, file)
    _promote(owner, app, url)
    with app.app_context():
        found = {one.address: one.attributes for one in db.session.query(Subscriber)}
        assert found["ann@shop.example"] == {
            "birthday": "1980-05-31",
            "member_since": "2019-05-31",
            "topics": "VIP, Blog",
        }
        assert found["bob@shop.example"] == {"member_since": "2020-01-13", "topics": "Blog"}
        assert found["eve@shop.example"] == {
            "birthday": "1980-05-31",
            "member_since_original": "soon",
        }


def _create(page: Page, url: str) -> None:
    page.goto(f"{url}/fields")
    page.get_by_role("link", name="Create field").first.click()
    page.get_by_label("Name").fill("Birthday")
    page.get_by_label("Type").select_option("date")
    expect(page.get_by_label("Earliest date")).to_be_visible()
    page.get_by_role("button", name="Create field").click()
    expect(page.get_by_text("{{ subscriber.birthday }}")).to_be_visible()


def _import(page: Page, app: Flask, url: str, file: Path) -> None:
    page.goto(f"{url}/imports/new")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("Import “Birthday” as")).to_have_value("field:birthday")
    page.get_by_label("List", exact=True).select_option(label="News")
    page.get_by_label("If a value does not fit its field").select_option("leave_out")
    page.get_by_role("button", name="Start import").click()
    page.wait_for_url("**/imports/*")
    with app.app_context():
        run = db.session.query(ImportRun).one()
        imports.run_to_end(run.id, lambda run: None)
        public_id = run.public_id
    page.goto(f"{url}/imports/{public_id}")
    expect(page.get_by_text("“n/a” is not a date")).to_be_visible()


def _promote(page: Page, app: Flask, url: str) -> None:
    page.goto(f"{url}/fields")
    page.get_by_role("link", name="View attributes").click()
    row = page.get_by_role("row", name="member_since")
    row.get_by_role("link", name="Turn into field").click()
    page.get_by_label("Type").select_option("date")
    expect(page.get_by_text("2 values convert.")).to_be_visible()
    expect(page.get_by_text("“soon” is not a date")).to_be_visible()
    page.get_by_role("button", name="Create field and convert").click()
    expect(page.get_by_text("Converting values")).to_be_visible()
    with app.app_context():
        for change in changes.running():
            assert not job.work(change.id, seconds=5)
    expect(page.get_by_text("Converting values")).to_be_hidden()
    expect(page.get_by_text("1 value did not fit “Member since”")).to_be_visible()
