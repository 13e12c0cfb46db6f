"""Forms in a real browser: what is refused, and what cannot be sent at all."""

import re
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.conftest import log_in


@pytest.fixture
def owner(server: tuple[Flask, str], page: Page) -> Page:
    log_in(page, f"{server[1]}/login")
    return page


def test_back_and_reload_after_a_refused_form_show_a_page(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.goto(f"{server[1]}/settings/account")
    password = owner.locator("form[action$='/settings/account/password']")
    for name in ("old_password", "new_password", "new_password_again"):
        password.locator(f"[name={name}]").fill("not the right one")
    password.get_by_role("button").click()
    expect(owner.locator(".invalid-feedback")).to_be_visible()
    owner.goto(f"{server[1]}/lists")
    owner.go_back()
    expect(owner).to_have_url(f"{server[1]}/settings/account")
    expect(password).to_be_visible()
    owner.reload()
    expect(password).to_be_visible()


def test_an_import_starts_with_exactly_one_column_of_addresses(
    server: tuple[Flask, str], owner: Page, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Name;City\nAnn;Hamburg\nBob;Kiel\n")
    owner.goto(f"{server[1]}/imports/new")
    owner.locator("#file").set_input_files(path)
    owner.get_by_role("button", name="Upload").click()
    owner.wait_for_url(re.compile(r"/imports/\w{12}/mapping$"))
    start, reason = owner.locator("[data-start]"), owner.locator("[data-cannot-start]")
    expect(start).to_be_disabled()
    expect(reason).to_be_visible()
    owner.locator("[name=column_1]").select_option("address")
    expect(start).to_be_enabled()
    expect(reason).to_be_hidden()
    owner.locator("[name=column_0]").select_option("address")
    expect(start).to_be_disabled()
    expect(reason).to_have_text("Choose exactly one column that holds the e-mail address.")
