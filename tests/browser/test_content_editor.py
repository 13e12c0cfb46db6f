"""The content page in a real browser."""

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from campaigns.campaign import drafts
from campaigns.db import db
from tests.browser.conftest import DRAFT_PATH
from tests.browser.lost_answers import lose_an_answer


@pytest.fixture
def editor(server: tuple[Flask, str], owner: Page) -> Page:
    """The content page of the draft, opened by the owner."""
    owner.goto(f"{server[1]}{DRAFT_PATH}/content")
    expect(owner.locator("#content-form")).to_be_visible()
    owner.wait_for_load_state("load")  # the scripts have run, so typing is noticed from now on
    return owner


def _stored(app: Flask) -> str:
    with app.app_context():
        found = drafts.find(DRAFT_PATH[-12:])
        assert found is not None
        source = found.source
        db.session.remove()
    return source


def _is_saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_contain_text("Saved ")
    expect(page.locator("#save-state")).to_have_attribute("data-kind", "saved")


def test_the_preview_is_that_of_a_chosen_subscriber(editor: Page) -> None:
    editor.click("#preview-as")
    editor.locator(".subscriber-option", has_text="Alice").click()
    frame = editor.frame_locator(".preview-frame")
    expect(frame.locator("h1")).to_have_text("Hello Alice")
    editor.click("#preview-as")
    editor.locator("[data-extreme=longest]").click()
    expect(editor.locator("#preview-as")).to_have_attribute("placeholder", "As bob@example.org")
    editor.click("button[data-view=inbox]")
    expect(editor.locator(".in-gmail")).to_contain_text("First words")
    editor.click("button[data-view=text]")
    expect(frame.locator("pre")).to_contain_text("Hello friend")


def test_a_merge_field_is_inserted_at_the_cursor(server: tuple[Flask, str], editor: Page) -> None:
    editor.click(".cm-content")
    editor.keyboard.press("Control+Home")
    editor.click("[data-pick-tag]")
    editor.locator(".pick-option[data-tag='subscriber.name']").click()
    editor.fill("#merge-tag-fallback", "friend")
    editor.get_by_role("button", name="Insert").click()
    _is_saved(editor)
    assert _stored(server[0]).startswith('{{ subscriber.name or "friend" }}<h1>')


def test_a_save_whose_answer_was_lost_is_no_conflict(
    server: tuple[Flask, str], editor: Page
) -> None:
    lose_an_answer(editor, "**/save")
    editor.click(".cm-content")
    editor.keyboard.press("Control+Home")
    editor.keyboard.type("First, ")
    expect(editor.locator("#save-state")).to_contain_text("Not saved: you are offline.")
    editor.keyboard.type("second, ")
    _is_saved(editor)
    expect(editor.locator("#conflict-bar")).to_be_hidden()
    assert _stored(server[0]).startswith("First, second, ")


def test_a_text_of_another_kind_is_restored_as_what_it_is(
    server: tuple[Flask, str], editor: Page
) -> None:
    keep = """() => {
      const form = document.getElementById("content-form");
      const values = new URLSearchParams(new FormData(form));
      values.set("content_kind", "markdown");
      values.set("source", "# Fresh bread");
      const text = values.toString();
      localStorage.setItem(form.dataset.kept, JSON.stringify([{ id: "1", at: 1, text }]));
    }"""
    editor.evaluate(keep)
    editor.reload()
    editor.click("text=Restore text")
    expect(editor.locator("#content-form [name=content_kind]")).to_have_value("markdown")
    expect(editor.locator("textarea[name=source]")).to_have_value("# Fresh bread")
    expect(editor.locator("#restore-bar")).to_be_hidden()
    assert _stored(server[0]) == "# Fresh bread"


def test_a_body_that_is_too_large_is_refused_with_a_message(
    server: tuple[Flask, str], editor: Page
) -> None:
    area = editor.locator("#source")
    write = (
        "(area, text) => { area.value = text;"
        " area.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    area.evaluate(write, ("x" * 99 + "\n") * 30_000)
    expect(editor.locator("#save-state")).to_contain_text(
        "Not saved: the content is larger than 512 KB."
    )
    assert _stored(server[0]).startswith("<h1>Hello")
    area.evaluate(write, "<p>Short again</p>")
    _is_saved(editor)


def test_an_email_without_colours_is_dark_on_request(
    server: tuple[Flask, str], editor: Page
) -> None:
    frame = editor.locator(".preview-frame")
    expect(frame).to_have_css("background-color", "rgb(255, 255, 255)")
    editor.click("[data-switch=dark]")
    expect(frame).not_to_have_css("background-color", "rgb(255, 255, 255)")


def test_a_problem_is_marked_at_its_line_in_the_code(
    server: tuple[Flask, str], editor: Page
) -> None:
    editor.locator(".cm-content").fill("<p>Fine</p>\n<p>{{ foo }}</p>\n<p>Fine</p>")
    expect(editor.locator(".problem-list")).to_contain_text("Line 2: Unknown merge tag")
    expect(editor.locator(".cm-lint-marker-error")).to_have_count(1)
    expect(editor.locator("[data-problem-chip]")).to_have_text("1")
    editor.locator(".problem-list").get_by_role("button", name="Show").click()
    editor.keyboard.type("<p>{{ sub")
    editor.locator(".cm-tooltip-autocomplete li", has_text="subscriber.first_name").click()
    editor.keyboard.type("</p>")
    expect(editor.locator(".problem-none")).to_be_visible()
    assert "<p>{{ subscriber.first_name }}</p>\n<p>Fine" in _stored(server[0])
