"""Browser tests, in the system's Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from campaigns import migrate
from campaigns.accounts import users
from campaigns.accounts.workspace import save_workspace
from campaigns.app import create_app
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.browser.every_page import app_with_every_page
from tests.browser.serving import log_in, served
from tests.conftest import settings_for_tests
from tests.factories import a_campaign, a_list, a_sender, a_subscriber

# On a machine busy with other tests, a page may be slow.
expect.set_options(timeout=15_000)

DRAFT_PATH = "/campaigns/editor000001"
OWNER, PASSWORD = "owner@example.org", "correct horse battery"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """For this package only, because Playwright keeps an event loop in the thread of the tests."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium: the browser tests must run on CI")
        pytest.skip("there is no Chromium on this machine: `make test` says how to get one")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=executable, args=CHROMIUM_OPTIONS)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without cookies."""
    with browser.new_context() as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def data_dir_of_a_draft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an owner, two lists and one draft; to be copied."""
    folder = tmp_path_factory.mktemp("draft")
    settings = settings_for_tests(folder, public_url="")
    migrate.upgrade(settings)
    app = create_app(settings)
    with app.app_context():
        with transaction():
            users.create_user(OWNER, PASSWORD, now=utcnow())
            save_workspace(postal_address="12 Quay Street")
            news, staff = a_list("News"), a_list("Staff")
            a_subscriber("alice@example.org", news, name="Alice")
            a_subscriber("bob@example.org", news, staff)
            a_campaign(news, sender=a_sender(), subject="First words", public_id=DRAFT_PATH[-12:])
        db.session.remove()
        db.engine.dispose()
    return folder


@pytest.fixture
def server(tmp_path: Path, data_dir_of_a_draft: Path) -> Iterator[tuple[Flask, str]]:
    """The app on a free port, with an owner and one draft."""
    shutil.copytree(data_dir_of_a_draft, tmp_path, dirs_exist_ok=True)
    app = create_app(settings_for_tests(tmp_path, public_url=""))
    with served(app) as url:
        yield app, url


@pytest.fixture
def owner(server: tuple[Flask, str], context: BrowserContext) -> Page:
    """A page of a browser in which the owner is logged in."""
    log_in(context, *server, OWNER)
    return context.new_page()


@pytest.fixture(scope="package")
def every_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, str]]:
    """An app with data behind every page; see tests/browser/every_page.py."""
    app = app_with_every_page(tmp_path_factory.mktemp("every-page"))
    with served(app) as url:
        yield app, url
