"""A real Chromium, from the system."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from campaigns import migrate
from campaigns.accounts import users
from campaigns.accounts.workspace import save_workspace
from campaigns.app import create_app
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.browser.every_page import served
from tests.conftest import settings_for_tests
from tests.factories import a_campaign, a_list, a_sender, a_subscriber

# On a machine that is busy with other tests a page takes its time.
expect.set_options(timeout=15_000)

DRAFT_PATH = "/campaigns/editor000001"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    executable = executable or shutil.which("google-chrome")
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium: the browser tests must run on CI")
        pytest.skip("there is no Chromium on this machine: `make test` says how to get one")
    return {
        "executable_path": executable,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
        ],
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Flask, str]]:
    """The app on a free port, with an owner and one draft."""
    settings = settings_for_tests(tmp_path, public_url="")
    migrate.upgrade(settings)
    app = create_app(settings)
    with app.app_context():
        with transaction():
            users.create_user("owner@example.org", "correct horse battery", now=utcnow())
            save_workspace(postal_address="12 Quay Street")
            news, staff = a_list("News"), a_list("Staff")
            a_subscriber("alice@example.org", news, name="Alice")
            a_subscriber("bob@example.org", news, staff)
            a_campaign(news, sender=a_sender(), subject="First words", public_id=DRAFT_PATH[-12:])
        db.session.remove()
    http = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield app, f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()
    with app.app_context():
        db.engine.dispose()


def log_in(page: Page, address: str) -> None:
    """As the owner, on the login page of this address."""
    page.goto(address)
    page.fill("[name=address]", "owner@example.org")
    page.fill("[name=password]", "correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)


@pytest.fixture(scope="session")
def every_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, str]]:
    """An app with data behind every page; see tests/browser/every_page.py."""
    with served(tmp_path_factory.mktemp("every-page")) as found:
        yield found
