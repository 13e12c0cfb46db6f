"""The block editor in a real browser, by mouse and by keyboard alone."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import FrameLocator, Locator, Page, Route, expect

from campaigns.audience.models import AudienceList
from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, SourceContext
from campaigns.db import db, transaction
from tests.browser.conftest import DRAFT_PATH
from tests.browser.places import steady_box

PATH = f"{DRAFT_PATH}/content"
NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""

REQUESTS_OF_THE_CANVAS = """
performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/canvas"))
  .map((one) => one.initiatorType)
"""


def _rich(text: str) -> dict[str, Any]:
    return {
        "type": "doc",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def _starter() -> dict[str, Any]:
    blocks = [
        {"id": "head0001", "type": "heading", "content": _rich("News from the quay")},
        {"id": "text0001", "type": "text", "content": _rich("We roasted this week.")},
        {"id": "imag0001", "type": "image", "src": "", "alt": ""},
        {"id": "butt0001", "type": "button", "label": "Order", "link": ""},
    ]
    column = {"id": "colu0001", "blocks": blocks}
    rows = [
        {"id": "sect0001", "type": "section", "columns": [column]},
        {"id": "foot0001", "type": "footer"},
    ]
    return {"version": 1, "rows": rows}


@pytest.fixture
def editor(server: tuple[Flask, str], owner: Page) -> Iterator[Page]:
    """The block editor with a starter; nothing in it may break the content security policy."""
    app, url = server
    with app.app_context():
        draft = _draft()
        with transaction():
            changes = {"content_kind": "blocks", "source": json.dumps(_starter())}
            drafts.save(draft.id, draft.version, changes, editor_id=None, now=utcnow())
        db.session.remove()
    errors: list[str] = []
    owner.on("pageerror", lambda error: errors.append(f"{error.stack}"))
    owner.on("console", lambda note: _note_violation(note.text, errors))
    owner.add_init_script(NOTE_VIOLATIONS)
    owner.goto(url + PATH)
    expect(owner.locator("#block-editor[data-ready][data-can-write]")).to_be_visible()
    assert owner.evaluate(REQUESTS_OF_THE_CANVAS) == ["iframe"]  # which came with the email
    yield owner
    assert errors == []
    assert owner.evaluate("window.violations") == []


def _note_violation(text: str, errors: list[str]) -> None:
    """Violations in the frame are only reported to the console."""
    if "Content Security Policy" in text:
        errors.append(text)


def _draft() -> Campaign:
    found = drafts.find(PATH.split("/")[2])
    assert found is not None
    return found


def _email(page: Page) -> FrameLocator:
    return page.frame_locator("[data-frame]")


def _click_in_email(page: Page, block: str) -> None:
    """Click the middle of a block; a layer above the frame takes the click."""
    target = steady_box(_email(page).locator(f".b-{block}"))
    page.mouse.click(target["x"] + target["width"] / 2, target["y"] + target["height"] / 2)


def _types(document: dict[str, Any]) -> list[str]:
    return [block["type"] for block in document["rows"][0]["columns"][0]["blocks"]]


def _saved(app: Flask, page: Page) -> dict[str, Any]:
    """What was saved; it compiles without problems that prevent sending."""
    wanted = page.input_value("#source")
    for _ in range(200):
        if (source := _stored(app)) == wanted:
            break
        page.wait_for_timeout(50)
    assert source == wanted
    compiled = compile_source(ContentSource("blocks", source), SourceContext())
    assert [problem for problem in compiled.problems if problem.blocks] == []
    document: dict[str, Any] = json.loads(source)
    return document


def _stored(app: Flask) -> str:
    with app.app_context():
        source = _draft().source
        db.session.remove()
    return source


def test_what_is_typed_before_the_text_can_be_edited_is_not_lost(editor: Page) -> None:
    held: list[Route] = []
    editor.route("**/rich-text.min.js", lambda route: held.append(route))
    editor.reload()
    expect(editor.locator("#block-editor[data-ready]")).to_be_visible()
    _click_in_email(editor, "text0001")
    editor.keyboard.type("First, ")
    for route in held:
        route.continue_()
    expect(editor.locator(".be-text .ProseMirror-focused")).to_contain_text("First, ")
    editor.keyboard.type("second, ")
    expect(_email(editor).locator(".b-text0001")).to_contain_text("First, second, ")


def test_a_text_aligned_by_its_language_is_shown_so(
    server: tuple[Flask, str], editor: Page
) -> None:
    _click_in_email(editor, "head0001")
    expect(editor.locator("[data-field=align-left]")).to_be_checked()
    app, _url = server
    with app.app_context():
        with transaction():
            for entry in db.session.query(AudienceList):
                entry.language = "ar"
        db.session.remove()
    editor.reload()
    expect(editor.locator("#block-editor[data-ready][data-can-write]")).to_be_visible()
    _click_in_email(editor, "head0001")
    expect(editor.locator("[data-field=align-right]")).to_be_checked()


def _drag_up_in_outline(editor: Page, item: Locator, target: Locator) -> None:
    """Drag no faster than a person, and drop where the list shows the item above the target."""
    item.hover()
    editor.mouse.down()  # from now on the outline is not drawn again
    expect(editor.locator(".be-outline .sortable-chosen")).to_be_visible()
    x, y = _middle(item)
    editor.mouse.move(x + 5, y)
    expect(editor.locator(".be-outline .is-ghost")).to_be_visible()
    x, y = _middle(target)
    for turn in range(100):
        editor.mouse.move(x + turn % 2, y)
        if _middle(item)[1] < _middle(target)[1]:
            break
        editor.wait_for_timeout(50)  # items that move out of the way take no notice
    editor.mouse.up()


def _middle(item: Locator) -> tuple[float, float]:
    box = item.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_an_email_is_made_with_the_mouse(server: tuple[Flask, str], editor: Page) -> None:
    email, settings = _email(editor), editor.locator("[data-inspector]")
    # Text is edited where it is.
    _click_in_email(editor, "head0001")
    editor.keyboard.press("End")
    editor.keyboard.type(" today")
    expect(email.locator(".b-head0001")).to_contain_text("News from the quay today")
    # A block is added after the selected one, and a second one is dragged to its place.
    editor.get_by_role("button", name="Divider", exact=True).click()
    expect(email.locator("p[style*='border-top']")).to_be_visible()
    tile = editor.get_by_role("button", name="Spacer", exact=True)
    tile.drag_to(editor.locator("[data-layer]"), target_position=_below(editor, "butt0001"))
    # Blocks move in the outline.
    editor.get_by_role("tab", name="Outline").click()
    items = editor.locator(".be-outline .be-row-name")
    expect(editor.locator(".be-outline .is-chosen")).to_contain_text("Spacer")
    _drag_up_in_outline(editor, items.filter(has_text="Order"), items.filter(has_text="News from"))
    first = email.locator(".b-colu0001 td[class*='b-']").first
    expect(first).to_have_class(re.compile("b-butt0001"))
    # The button is changed in its form, the image by its address.
    _click_in_email(editor, "butt0001")
    settings.get_by_label("Button text").fill("Order a bag")
    settings.get_by_label("Link", exact=True).fill("example.com/order")
    _click_in_email(editor, "imag0001")
    settings.get_by_label("Image", exact=True).fill("https://images.example/bag.png")
    settings.get_by_label("Alt text").fill("A bag of coffee")
    expect(email.locator(".b-butt0001 a")).to_have_attribute("href", "https://example.com/order")
    expect(email.locator(".b-imag0001 img")).to_have_attribute("alt", "A bag of coffee")
    document = _saved(server[0], editor)
    assert _types(document) == ["button", "heading", "divider", "text", "image", "spacer"]
    # Undo goes back over everything, also from within a field.
    editor.keyboard.press("Control+z")
    expect(settings.get_by_label("Alt text")).to_have_value("")
    expect(settings.get_by_label("Alt text")).to_be_focused()
    undo = editor.get_by_role("button", name="Undo", exact=True)
    while undo.is_enabled():
        undo.click()
    expect(email.locator(".b-head0001")).to_have_text("News from the quay")
    assert _types(_saved(server[0], editor)) == ["heading", "text", "image", "button"]


def _below(page: Page, block: str) -> Any:
    target = _email(page).locator(f".b-{block}").bounding_box()
    layer = page.locator("[data-layer]").bounding_box()
    assert target is not None
    assert layer is not None
    return {"x": target["x"] - layer["x"] + 80, "y": target["y"] - layer["y"] + target["height"]}


def test_an_email_is_made_with_the_keyboard_alone(server: tuple[Flask, str], editor: Page) -> None:
    email, keys = _email(editor), editor.keyboard
    said = editor.locator("[data-live]")
    editor.locator("[data-layer]").focus()
    # From block to block, into a text, and out of it.
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Enter")
    keys.press("Control+a")
    keys.type("Fresh bread")
    keys.press("Shift+Home")
    keys.press("Control+b")
    keys.press("Escape")
    expect(email.locator(".b-text0001 strong")).to_have_text("Fresh bread")
    # Every move, and what screen readers say.
    keys.press("Alt+ArrowUp")
    expect(said).to_have_text("Text moved up")
    keys.press("Alt+ArrowUp")
    expect(said).to_have_text("Text is already first")
    keys.press("Control+d")
    expect(said).to_have_text("Text duplicated")
    keys.press("Delete")
    expect(said).to_have_text("Text deleted")
    # Copied and pasted blocks get ids of their own.
    keys.press("ArrowUp")
    keys.press("Control+c")
    keys.press("Control+v")
    expect(said).to_have_text("Text pasted")
    # From the palette, which Escape leaves: its first tile is the heading.
    editor.locator("[data-layer]").focus()
    keys.press("a")
    keys.press("Escape")
    expect(editor.locator("[data-layer]")).to_be_focused()
    keys.press("a")
    keys.press("Enter")
    keys.type("Open on Saturday")
    keys.press("Escape")
    assert _types(_saved(server[0], editor)) == [
        "text", "text", "heading", "heading", "image", "button",
    ]  # fmt: skip
    # In the outline, with its buttons.
    editor.get_by_role("tab", name="Add").focus()
    keys.press("ArrowRight")
    keys.press("Tab")
    keys.press("End")
    keys.press("ArrowUp")
    expect(editor.locator(".is-chosen > .be-row")).to_contain_text("Order")
    keys.press("Tab")
    keys.press("Enter")
    expect(said).to_have_text("Button moved up")
    keys.press("Enter")
    expect(editor.locator(":focus")).to_have_attribute("data-action", "up")
    keys.press("Control+z")
    keys.press("Control+Shift+z")
    document = _saved(server[0], editor)
    assert _types(document) == ["text", "text", "heading", "button", "heading", "image"]
    ids = [block["id"] for block in document["rows"][0]["columns"][0]["blocks"]]
    assert len(set(ids)) == len(ids)


def test_on_a_phone_the_panes_come_from_below(server: tuple[Flask, str], editor: Page) -> None:
    editor.set_viewport_size({"width": 390, "height": 844})
    editor.reload()
    expect(editor.locator("#block-editor[data-ready]")).to_be_visible()
    assert editor.evaluate("document.documentElement.scrollWidth") == 390
    _click_in_email(editor, "butt0001")
    editor.get_by_role("button", name="Settings").first.click()
    editor.locator("[data-inspector]").get_by_label("Button text").fill("Order a bag")
    editor.get_by_role("button", name="Close").last.click()
    editor.get_by_role("button", name="Add", exact=True).click()
    editor.get_by_role("button", name="Divider", exact=True).click()
    expect(editor.get_by_role("button", name="Divider", exact=True)).to_be_hidden()
    changed = _saved(server[0], editor)["rows"][0]["columns"][0]["blocks"]
    assert changed[3]["label"] == "Order a bag"
    assert changed[4]["type"] == "divider"


FROM_WORD = """<html><body><p class=MsoNormal style='color:red'>We <b style='mso-bidi-font-weight:
normal'>roast</b><o:p></o:p></p><p style='mso-list:l0 level1 lfo1'><span style='mso-list:Ignore'>
·&nbsp;</span>One</p><p style='mso-list:l0 level1 lfo1'>Two</p></body></html>"""
FROM_GOOGLE_DOCS = """<b style="font-weight:normal" id="docs-internal-guid-1"><p><span style="
font-style:italic;color:#f00">Fresh</span> <a href="javascript:alert(1)">bread</a></p></b>"""
TABLE = (
    "<table><tr><td>Espresso</td><td>2.50</td></tr><tr><td>Filter</td><td>3.00</td></tr></table>"
)
PASTE = """(html) => {
  const data = new DataTransfer();
  data.setData("text/html", html);
  const event = { clipboardData: data, bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", event));
}"""


def test_what_is_pasted_is_cleaned(server: tuple[Flask, str], editor: Page) -> None:
    text = _email(editor).locator(".b-text0001 > div")
    _click_in_email(editor, "text0001")
    editor.keyboard.press("Control+a")
    editor.evaluate(PASTE, FROM_WORD)
    expect(text.locator("strong")).to_have_text("roast")
    expect(text.locator("li")).to_have_text(["One", "Two"])
    editor.keyboard.press("Control+a")
    editor.evaluate(PASTE, FROM_GOOGLE_DOCS)
    expect(text).to_have_text("Fresh bread")
    expect(text.locator("em")).to_have_text("Fresh")
    expect(text.locator("strong, a")).to_have_count(0)
    editor.keyboard.press("Control+a")
    editor.evaluate(PASTE, TABLE)
    expect(text.locator("p")).to_have_text(["Espresso 2.50", "Filter 3.00"])
    # A block from elsewhere is taken only as far as this editor knows it.
    editor.keyboard.press("Escape")
    copied = {"type": "button", "label": "Copied", "onclick": "alert(1)", "link": 7}
    editor.evaluate("(text) => localStorage.setItem('campaigns-block', text)", json.dumps(copied))
    editor.keyboard.press("Control+v")
    expect(editor.locator("[data-live]")).to_have_text("Button pasted")
    editor.evaluate("() => localStorage.setItem('campaigns-block', '{\"type\": \"footer\"}')")
    editor.keyboard.press("Control+v")
    blocks = _saved(server[0], editor)["rows"][0]["columns"][0]["blocks"]
    assert [block.get("label") for block in blocks] == [None, None, "Copied", None, "Order"]
    assert blocks[2].keys() == {"id", "type", "label", "link"}
    assert blocks[2]["link"] == ""
