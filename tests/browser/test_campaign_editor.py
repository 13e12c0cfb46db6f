"""The editor in a real browser: it saves automatically and never loses text."""

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, Route, expect

from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.browser.conftest import DRAFT_PATH, OWNER, PASSWORD
from tests.browser.lost_answers import lose_an_answer

PATH = DRAFT_PATH


@pytest.fixture
def editor(server: tuple[Flask, str], owner: Page) -> Page:
    """The editor of the draft, opened by the owner."""
    owner.goto(server[1] + PATH)
    expect(owner.locator("#campaign-form")).to_be_visible()
    owner.wait_for_load_state("load")  # the scripts have run, so typing is noticed from now on
    return owner


def _stored(app: Flask) -> Campaign:
    with app.app_context():
        found = drafts.find(PATH[-12:])
        assert found is not None
        db.session.expunge(found)
        db.session.remove()
    return found


def _save_elsewhere(app: Flask, subject: str) -> None:
    with app.app_context():
        with transaction():
            found = drafts.find(PATH[-12:])
            assert found is not None
            drafts.save(found.id, found.version, {"subject": subject}, editor_id=None, now=utcnow())
        db.session.remove()


def _is_saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_contain_text("Saved ")
    expect(page.locator("#save-state")).to_have_attribute("data-kind", "saved")


def _type_subject(page: Page, text: str) -> None:
    page.fill("#subject", text)
    expect(page.locator("#save-state")).not_to_have_attribute("data-kind", "saved")


def test_text_is_saved_and_previewed(server: tuple[Flask, str], editor: Page) -> None:
    _type_subject(editor, "News for {{ subscriber.name or 'you' }}")
    _is_saved(editor)
    assert _stored(server[0]).subject == "News for {{ subscriber.name or 'you' }}"
    expect(editor.locator(".inbox-subject")).to_have_text("News for you")
    expect(editor.frame_locator(".thumbnail-frame").locator("h1")).to_contain_text("Hello")


def test_the_audience_follows_the_selected_lists(server: tuple[Flask, str], editor: Page) -> None:
    expect(editor.locator(".sum-total dd")).to_have_text("2")
    editor.locator("summary", has_text="Exclude").click()
    editor.locator(".chip:has(input[name=exclude])", has_text="Staff").click()
    expect(editor.locator(".sum-total dd")).to_have_text("1")


def test_after_a_conflict_the_other_version_can_be_loaded_and_mine_restored(
    server: tuple[Flask, str], editor: Page
) -> None:
    _save_elsewhere(server[0], "Theirs")
    _type_subject(editor, "Mine")
    expect(editor.locator("#conflict-bar")).to_be_visible()
    assert _stored(server[0]).subject == "Theirs"
    editor.click("text=Load their version")
    expect(editor.locator("#subject")).to_have_value("Theirs")
    editor.click("text=Restore text")
    _is_saved(editor)
    assert _stored(server[0]).subject == "Mine"


def test_my_text_is_offered_until_i_have_chosen(server: tuple[Flask, str], editor: Page) -> None:
    _save_elsewhere(server[0], "Theirs")
    _type_subject(editor, "Mine")
    editor.click("text=Load their version")
    expect(editor.locator("#restore-bar")).to_be_visible()
    _type_subject(editor, "Theirs, corrected")
    _is_saved(editor)
    expect(editor.locator("#restore-bar")).to_be_visible()
    editor.reload()
    editor.click("text=Restore text")
    _is_saved(editor)
    assert _stored(server[0]).subject == "Mine"
    expect(editor.locator("#restore-bar")).to_be_hidden()
    assert "Mine" not in editor.evaluate("JSON.stringify(localStorage)")


def test_a_save_whose_answer_was_lost_is_no_conflict(
    server: tuple[Flask, str], editor: Page
) -> None:
    lose_an_answer(editor, "**/save")
    _type_subject(editor, "Saved without an answer")
    expect(editor.locator("#save-state")).to_contain_text("Not saved: you are offline.")
    editor.fill("#subject", "Saved without an answer, and more")
    _is_saved(editor)
    expect(editor.locator("#conflict-bar")).to_be_hidden()
    assert _stored(server[0]).subject == "Saved without an answer, and more"
    # But what someone else saved meanwhile is one.
    lose_an_answer(editor, "**/save")
    _type_subject(editor, "Mine")
    expect(editor.locator("#save-state")).to_contain_text("Not saved: you are offline.")
    _save_elsewhere(server[0], "Theirs")
    expect(editor.locator("#conflict-bar")).to_be_visible()
    assert _stored(server[0]).subject == "Theirs"


def test_after_a_conflict_my_version_can_be_kept(server: tuple[Flask, str], editor: Page) -> None:
    _save_elsewhere(server[0], "Theirs")
    _type_subject(editor, "Mine")
    editor.click("text=Keep mine")
    _is_saved(editor)
    assert _stored(server[0]).subject == "Mine"


def test_text_typed_offline_is_kept_and_saved_later(
    server: tuple[Flask, str], editor: Page, context: BrowserContext
) -> None:
    context.set_offline(True)
    _type_subject(editor, "Written on a train")
    expect(editor.locator("#save-state")).to_have_text(
        "Not saved: you are offline. Retrying… Your text is kept in this browser."
    )
    context.set_offline(False)
    _is_saved(editor)
    assert _stored(server[0]).subject == "Written on a train"


def test_a_page_of_a_gateway_is_no_answer(server: tuple[Flask, str], editor: Page) -> None:
    editor.route("**/save", lambda route: route.fulfill(body="<h1>Back soon</h1>"), times=1)
    _type_subject(editor, "Saved in the end")
    expect(editor.locator("#save-state")).to_contain_text("Not saved")
    _is_saved(editor)
    assert _stored(server[0]).subject == "Saved in the end"


def test_after_logging_out_a_login_in_another_tab_lets_it_save(
    server: tuple[Flask, str], editor: Page, context: BrowserContext
) -> None:
    editor.wait_for_load_state("networkidle")  # no pending response may renew the cookie
    context.clear_cookies()
    _type_subject(editor, "Typed without a login")
    expect(editor.locator("#save-state")).to_contain_text("you are logged out")
    assert _stored(server[0]).subject == "First words"
    other = context.new_page()
    other.goto(f"{server[1]}/login?next={PATH}")
    other.fill("[name=address]", OWNER)
    other.fill("[name=password]", PASSWORD)
    other.keyboard.press("Enter")
    expect(other.locator("#campaign-form")).to_be_visible()
    editor.bring_to_front()
    editor.keyboard.press("Control+s")
    _is_saved(editor)
    assert _stored(server[0]).subject == "Typed without a login"


def test_an_error_of_the_server_is_shown_and_saving_retried(
    server: tuple[Flask, str], editor: Page
) -> None:
    def full(route: Route) -> None:
        route.fulfill(status=507, json={"message": "The disk is full."})

    editor.route("**/save", full, times=1)
    _type_subject(editor, "Saved in the end")
    expect(editor.locator("#save-state")).to_have_text(
        "Not saved: The disk is full. Retrying… Your text is kept in this browser."
    )
    expect(editor.locator("#save-state")).to_contain_text("Saved ", timeout=15_000)
    assert _stored(server[0]).subject == "Saved in the end"


def test_going_to_the_review_saves_first(server: tuple[Flask, str], editor: Page) -> None:
    _type_subject(editor, "Saved on the way out")
    editor.click("text=Review and send")
    editor.wait_for_url("**/review")
    expect(editor.locator(".facts")).to_contain_text("Saved on the way out")


def test_the_length_of_the_subject_counts_what_a_recipient_sees(
    server: tuple[Flask, str], editor: Page
) -> None:
    gauge = editor.locator(".gauge")
    _type_subject(editor, "Hello {{ subscriber.name or 'friend' }}, news!")
    expect(gauge).to_contain_text("19 characters")
    _is_saved(editor)
    _type_subject(
        editor, "{% if subscriber.name %}Hello you{% else %}Good news{% endif %}, read on"
    )
    _is_saved(editor)
    expect(gauge).to_contain_text("18 characters")  # as rendered by the server
