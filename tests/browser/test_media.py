"""Images in a real browser: uploaded, pasted, cropped, and used in an email."""

import base64
import re

from flask import Flask
from playwright.sync_api import FilePayload, Page, expect

from campaigns.content.library.models import Media
from campaigns.db import db
from tests.browser.conftest import DRAFT_PATH
from tests.content.library.pictures import drawing, encoded, painting

PASTE = """data => {
    const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
    const clipboard = new DataTransfer();
    clipboard.items.add(new File([bytes], "image.png", {type: "image/png"}));
    document.body.dispatchEvent(
        new ClipboardEvent("paste", {clipboardData: clipboard, bubbles: true, cancelable: true}));
}"""


def file(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def stored(app: Flask) -> dict[str, Media]:
    with app.app_context():
        found = {medium.name: medium for medium in db.session.query(Media)}
        db.session.expunge_all()
        db.session.remove()
    return found


def test_an_image_is_uploaded_pasted_cropped_and_used_in_an_email(
    server: tuple[Flask, str], owner: Page
) -> None:
    app, url = server
    owner.goto(f"{url}/media")
    expect(owner.get_by_role("heading", name="No images yet")).to_be_visible()
    owner.wait_for_load_state("load")

    # Several files at once: each shows its result.
    owner.set_input_files(
        "[data-media-upload] input[type=file]",
        [
            file("harbour.jpg", encoded(painting(1_000, 500), "JPEG")),
            file("logo.svg", b"<svg><script>alert(1)</script></svg>"),
        ],
    )
    harbour = owner.locator(".media-result", has_text="harbour.jpg")
    expect(harbour).to_contain_text("Uploaded")
    expect(owner.locator(".media-result", has_text="logo.svg")).to_contain_text("Export it as PNG")
    harbour.get_by_label("Alt text").fill("The harbour at dawn")
    harbour.get_by_label("Alt text").press("Tab")
    owner.evaluate(PASTE, base64.b64encode(encoded(drawing(200, 100), "PNG")).decode())
    expect(owner.locator(".media-result", has_text="image.png")).to_contain_text("Uploaded")
    expect(owner.locator(".media-card")).to_have_count(2)
    assert stored(app)["harbour.jpg"].alt == "The harbour at dawn"

    # Cropped by keyboard: a square, moved to the right.
    owner.get_by_role("link", name="harbour.jpg").click()
    owner.get_by_role("button", name="Crop or resize").click()
    crop = owner.locator("#media-crop")
    frame = crop.get_by_role("group", name="Part of the image to keep")
    expect(frame).to_be_focused()
    crop.get_by_text("1:1", exact=True).click()
    expect(crop.locator("output")).to_have_text("500 × 500")
    frame.focus()
    for _ in range(60):
        frame.press("ArrowRight")
    crop.get_by_label("Width in pixels").fill("300")
    crop.get_by_role("button", name="Save as new image").click()
    expect(owner.locator("#media-dialog")).to_contain_text("300 × 300 pixels")
    square = stored(app)["harbour-300x300.jpg"]
    assert (square.width, square.height, square.alt) == (300, 300, "The harbour at dawn")

    # Used in an email.
    owner.goto(f"{url}{DRAFT_PATH}/content")
    owner.wait_for_load_state("load")
    owner.get_by_role("button", name="Image", exact=True).click()
    picker = owner.locator("#media-picker")
    picker.get_by_label("image.png").check(force=True)
    picker.get_by_role("button", name="Use image").click()
    expect(picker.get_by_role("alert")).to_have_text(
        "Describe the image, or mark it as decorative."
    )
    picker.get_by_label("Search images").fill("300")
    picker.get_by_label("harbour-300x300.jpg").check(force=True)
    expect(picker.get_by_role("textbox", name="Alt text")).to_have_value("The harbour at dawn")
    picker.get_by_role("button", name="Use image").click()
    expect(picker).to_be_hidden()
    image = owner.frame_locator(".preview-frame").get_by_alt_text("The harbour at dawn")
    path = rf"/media/{square.public_id}/[0-9a-f]{{20}}\.jpg"
    expect(image).to_have_attribute("src", re.compile(f"{path}$"))
