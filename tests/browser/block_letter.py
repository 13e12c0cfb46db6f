"""An email of blocks, edited by mouse and keyboard, and read in the mailbox."""

import re

from playwright.sync_api import FloatRect, FrameLocator, Page, expect

from tests.browser.places import steady_box
from tests.content.library.pictures import encoded, opened, painting

DESIGN = "Letter"
WIDTH = 480
"""Pixels to which the image is resized; it is uploaded larger."""
ALT = "The quay at dawn"
PARTS = ("Hello ", "we moved over the summer", "See the new place", "P.S. Come in on Saturday")
"""Words of the email, from top to bottom. The image is above the button."""


def write_blocks(page: Page) -> None:
    """Replace the words of the starter design, and add an image and a button."""
    expect(page.locator("#block-editor[data-can-write]")).to_be_visible()
    _write_text_by_mouse(page)
    _drag_an_image(page)
    _write_by_keyboard(page)


def _email(page: Page) -> FrameLocator:
    return page.frame_locator("[data-frame]")


def _box(page: Page, selector: str) -> FloatRect:
    return steady_box(_email(page).locator(selector))


def _write_text_by_mouse(page: Page) -> None:
    """Write where the text is, with a merge tag from the toolbar."""
    text = _box(page, ".b-text001")
    page.mouse.click(text["x"] + text["width"] / 2, text["y"] + text["height"] / 2)
    page.keyboard.press("Control+a")
    page.keyboard.type(PARTS[0])
    page.get_by_role("button", name="Insert merge tag").click()
    page.locator(".pick-option[data-tag='subscriber.first_name']").click()
    page.locator("#merge-tag-fallback").fill("friend")
    page.get_by_role("button", name="Insert", exact=True).click()
    rest = f", {PARTS[1]}, and the roaster is running again."
    page.keyboard.type(rest)
    # All of it: the text has its height now, below which an image is dropped.
    expect(_email(page).locator(".b-text001")).to_contain_text(rest)


def _drag_an_image(page: Page) -> None:
    """Drag an image block below the text, upload an image, and resize it."""
    text, layer = _box(page, ".b-text001"), page.locator("[data-layer]")
    corner = layer.bounding_box()
    assert corner is not None
    below = {"x": text["x"] - corner["x"] + 80, "y": text["y"] - corner["y"] + text["height"]}
    page.get_by_role("button", name="Image", exact=True).drag_to(
        layer, target_position={"x": below["x"], "y": below["y"]}
    )
    page.get_by_role("button", name="Choose image").click()
    picker, crop = page.locator("#media-picker"), page.locator("#media-crop")
    expect(picker).to_be_visible()  # its script is loaded when it is first needed
    photo = encoded(painting(1_000, 500), "JPEG")
    picker.locator("input[type=file]").set_input_files(
        {"name": "quay.jpg", "mimeType": "image/jpeg", "buffer": photo}
    )
    expect(picker.get_by_label("quay.jpg")).to_be_checked()
    picker.get_by_role("textbox", name="Alt text").fill(ALT)
    picker.get_by_role("button", name="Crop or resize").click()
    crop.get_by_label("Width in pixels").fill(str(WIDTH))
    crop.get_by_role("button", name="Save as new image").click()
    expect(crop).to_be_hidden()
    # What was written about the image stays, although the resized one is another.
    expect(picker.get_by_role("textbox", name="Alt text")).to_have_value(ALT)
    picker.get_by_role("button", name="Use image").click()
    expect(_email(page).get_by_alt_text(ALT)).to_be_visible()


def _write_by_keyboard(page: Page) -> None:
    """Rewrite the last text, and put a button above it."""
    keys, settings = page.keyboard, page.locator("[data-inspector]")
    page.locator("[data-layer]").focus()
    keys.press("ArrowDown")
    keys.press("Enter")
    keys.press("Control+a")
    keys.type(f"{PARTS[3]}: the first cup is on us, as long as the pot lasts.")
    keys.press("Escape")
    keys.press("a")
    for _ in range(3):  # the tiles of the heading, the text and the image
        keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("[data-live]")).to_have_text("Button added")
    keys.press("Enter")
    expect(settings.get_by_label("Button text")).to_be_focused()
    keys.press("Control+a")
    keys.type(PARTS[2])
    settings.get_by_label("Link", exact=True).focus()
    keys.type("shop.example/place")
    keys.press("Alt+ArrowUp")
    expect(page.locator("[data-live]")).to_have_text("Button moved up")


def preview_blocks(page: Page) -> None:
    """See the edits in the preview."""
    page.get_by_role("button", name="Preview", exact=True).click()
    _is_shown(page, page.frame_locator(".preview-frame"))


def read_blocks(page: Page, url: str) -> None:
    """See the edits in the email that is open in the mailbox of the product at `url`."""
    letter = page.frame_locator(".letter-frame")
    _is_shown(page, letter)
    leave = letter.get_by_role("link", name=re.compile("unsubscribe", re.IGNORECASE)).first
    expect(leave).to_have_attribute("href", re.compile(f"^{re.escape(url)}/u/"))
    address = letter.get_by_alt_text(ALT).get_attribute("src")
    assert address is not None
    assert address.startswith(f"{url}/media/")
    answer = page.request.get(address)
    assert answer.headers["content-type"] == "image/jpeg"
    assert opened(answer.body()).size == (WIDTH, WIDTH // 2)


def _is_shown(page: Page, letter: FrameLocator) -> None:
    """The parts are in their order, and the image has loaded."""
    image = letter.get_by_alt_text(ALT)
    expect(image).to_have_js_property("naturalWidth", WIDTH)
    expect(image).to_have_attribute("width", str(WIDTH))
    expect(letter.get_by_role("link", name=PARTS[2])).to_be_visible()
    words = letter.locator("body").inner_text()
    places = [words.index(part) for part in PARTS]
    assert places == sorted(places), words
    assert "{{" not in words
