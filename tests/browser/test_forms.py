"""Forms in a real browser: what is refused, and what cannot be submitted."""

import re
from pathlib import Path

from flask import Flask
from playwright.sync_api import Page, expect

from campaigns.db import db, transaction
from tests.browser.conftest import DRAFT_PATH
from tests.factories import a_list, a_subscriber


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


def test_an_international_address_is_not_refused_by_the_browser(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.goto(f"{server[1]}/settings/senders/new")
    address = owner.locator("[name=address]")
    address.fill("zoë@exämple.example")
    assert address.evaluate("input => input.checkValidity()")
    assert address.input_value() == "zoë@exämple.example"


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
    expect(reason).to_have_text("Choose exactly one column that holds the email address.")


def test_no_form_is_wider_than_a_phone(server: tuple[Flask, str], owner: Page) -> None:
    app, address = server
    with app.app_context():
        with transaction():
            a_list("A list with a name that is far longer than the screen of any phone is wide")
            someone = a_subscriber("carol@example.org")
            subscriber_path = f"/subscribers/{someone.public_id}"
        db.session.remove()
    owner.set_viewport_size({"width": 390, "height": 844})
    owner.goto(f"{address}{subscriber_path}")
    expect(owner.get_by_label("List to subscribe to")).to_be_visible()
    assert overflow(owner) == 0
    owner.goto(f"{address}{DRAFT_PATH}/review")
    owner.locator("[name=when][value=later]").check()
    owner.locator("[name=date]").fill("2020-01-01")
    owner.get_by_role("button", name="Schedule").click()
    expect(owner.get_by_text("This time has passed").first).to_be_visible()
    assert overflow(owner) == 0


def overflow(page: Page) -> int:
    """The number of pixels by which the page scrolls sideways."""
    width: int = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    return width


def test_the_current_settings_tab_is_visible_on_a_phone(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.set_viewport_size({"width": 390, "height": 844})
    for path in ("/settings", "/settings/rules", "/settings/account"):
        owner.goto(f"{server[1]}{path}")
        expect(owner.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.9)


def test_an_action_asks_in_a_dialog_and_runs_once_confirmed(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.goto(f"{server[1]}/subscribers")
    owner.get_by_role("link", name="alice@example.org").click()
    dialog = owner.get_by_role("alertdialog", name="Suppress address")
    owner.get_by_role("button", name="Suppress address").click()
    expect(dialog).to_contain_text("This address gets no more email")
    dialog.get_by_role("button", name="Go back").click()
    expect(dialog).to_be_hidden()
    expect(owner.get_by_text("gets no email")).to_have_count(0)
    owner.get_by_role("button", name="Suppress address").click()
    dialog.get_by_role("button", name="Suppress address").click()
    expect(owner.locator(".toasts")).to_contain_text("Address suppressed")
    expect(owner.get_by_text("This address is suppressed and gets no email")).to_be_visible()


def test_nothing_on_settings_and_audience_pages_is_wider_than_a_phone(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.set_viewport_size({"width": 390, "height": 844})
    for path in ("/settings", "/settings/rules/new", "/settings/providers/new", "/lists",
                 "/subscribers", "/suppressions", "/imports/new"):  # fmt: skip
        owner.goto(f"{server[1]}{path}")
        assert overflow(owner) == 0, path


def test_presets_fill_in_the_account_form_and_hide_irrelevant_fields(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.goto(f"{server[1]}/settings/providers/new")
    owner.get_by_label("Provider", exact=True).select_option("gmail")
    expect(owner.locator("#preset-note")).to_contain_text("app password")
    filled = {"name": "Gmail", "host": "smtp.gmail.com", "port": "587", "per_day": "500"}
    for name, value in filled.items():
        expect(owner.locator(f"[name={name}]")).to_have_value(value)
    expect(owner.locator("[name=per_day]")).to_be_visible()  # its group was closed
    expect(owner.locator("[name=rewrites_return_path]")).to_be_checked()
    expect(owner.locator("[name=password]")).to_be_visible()
    expect(owner.locator("[name=token_url]")).to_be_hidden()
    owner.locator("details", has=owner.locator("[name=auth]")).locator("summary").click()
    owner.get_by_label("OAuth 2").check()
    expect(owner.locator("[name=password]")).to_be_hidden()
    expect(owner.locator("[name=token_url]")).to_have_value(re.compile("googleapis"))
    unencrypted = owner.get_by_label("Send unencrypted to another machine")
    expect(unencrypted).to_be_hidden()
    owner.locator("[name=security][value=none]").check()
    expect(unencrypted).to_be_visible()
    for here in ("localhost", "127.0.0.1", "::1"):
        owner.locator("[name=host]").fill(here)
        expect(unencrypted).to_be_hidden()
    owner.locator("[name=host]").fill("localhost.example.org")
    expect(unencrypted).to_be_visible()
