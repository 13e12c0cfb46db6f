"""What someone enters while an answer is still on its way stays as it was entered."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from playwright.sync_api import FilePayload, Page, Route, expect

from campaigns.audience.models import Subscriber
from campaigns.content.library.models import Media
from campaigns.db import db, transaction
from tests.browser.conftest import DRAFT_PATH
from tests.content.library.pictures import drawing, encoded, painting
from tests.factories import a_list


@contextmanager
def held(page: Page, address: str) -> Iterator[None]:
    """Answer requests for `address`, a pattern, after the block."""
    waiting: list[Route] = []
    page.route(re.compile(address), lambda route: waiting.append(route))
    try:
        yield
        for _ in range(750):  # 15 seconds: it may be asked for a little later
            if waiting:
                break
            page.wait_for_timeout(20)
        assert waiting, f"nothing asked for {address}"
    finally:
        page.unroute(re.compile(address))  # lets those that wait go on


@pytest.fixture
def editor(server: tuple[Flask, str], owner: Page) -> Page:
    owner.goto(f"{server[1]}{DRAFT_PATH}/content")
    owner.wait_for_load_state("load")
    return owner


def load_card(page: Page, title: str) -> None:
    """Scroll until the card has its content. What loads above may move it out of sight again."""
    card = page.locator("section", has=page.locator(title))
    for _ in range(150):
        if not card.locator(".skeleton").count():
            return
        card.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
    pytest.fail(f"the card {title} has not loaded")


def upload(page: Page, name: str) -> None:
    picker = page.locator("#media-picker")
    expect(picker).to_be_visible()  # its script is loaded when it is first needed
    picker.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": encoded(painting(1_000, 500), "JPEG")}
    )


def test_an_image_uploaded_before_the_library_is_there_stays_chosen(editor: Page) -> None:
    picker = editor.locator("#media-picker")
    with held(editor, "/media/images"):
        editor.get_by_role("button", name="Image", exact=True).click()
        picker.get_by_role("textbox", name="Alt text").fill("The quay at dawn")
        upload(editor, "quay.jpg")
        expect(picker.get_by_label("quay.jpg")).to_be_checked()
    expect(picker.locator("[aria-busy]")).to_have_count(0)
    expect(picker.get_by_label("quay.jpg")).to_be_checked()
    # Described while it was uploaded.
    expect(picker.get_by_role("textbox", name="Alt text")).to_have_value("The quay at dawn")
    picker.get_by_label("Search images").fill("nothing like it")
    expect(picker.get_by_text("No images found.")).to_be_visible()
    expect(picker.get_by_label("quay.jpg")).to_be_checked()


def test_an_image_is_resized_once_it_has_loaded(server: tuple[Flask, str], editor: Page) -> None:
    picker, crop = editor.locator("#media-picker"), editor.locator("#media-crop")
    editor.get_by_role("button", name="Image", exact=True).click()
    upload(editor, "quay.jpg")
    expect(picker.get_by_label("quay.jpg")).to_be_checked()
    with held(editor, r"/media/\w+/[0-9a-f]{20}\.jpg"):
        picker.get_by_role("button", name="Crop or resize").click()
        expect(crop.locator(".media-crop-state")).to_have_text("Loading…")
        for control in (crop.get_by_label("Width in pixels"), crop.get_by_label("1:1")):
            expect(control).to_be_disabled()
        expect(crop.get_by_role("button", name="Save as new image")).to_be_disabled()
        expect(crop.get_by_role("group", name="Part of the image")).to_be_hidden()
    crop.get_by_label("Width in pixels").fill("300")
    with held(editor, "/media/upload"):
        crop.get_by_role("button", name="Save as new image").click()
        expect(crop.locator(".media-crop-state")).to_have_text("Saving…")
        expect(crop.get_by_label("Width in pixels")).to_be_disabled()
    expect(crop).to_be_hidden()
    expect(picker.get_by_label("quay-300x150.jpg")).to_be_checked()
    with server[0].app_context():
        sizes = {(medium.width, medium.height) for medium in db.session.query(Media)}
    assert sizes == {(1_000, 500), (300, 150)}


def test_a_merge_tag_chosen_from_the_list_of_before_stays_chosen(editor: Page) -> None:
    editor.click("[data-pick-tag]")
    editor.locator(".pick-option[data-tag='subscriber.name']").click()
    editor.locator("#merge-tag-dialog").get_by_role("button", name="Cancel").click()
    with held(editor, "/merge-tags"):
        editor.click("[data-pick-tag]")
        editor.locator(".pick-option[data-tag='subscriber.first_name']").click()
        editor.locator("#merge-tag-fallback").fill("friend")
    expect(editor.locator("#merge-tag-list[aria-busy]")).to_have_count(0)
    expect(editor.locator("[aria-selected=true]")).to_have_attribute(
        "data-tag", "subscriber.first_name"
    )
    expect(editor.locator("#merge-tag-fallback")).to_have_value("friend")
    expect(editor.locator(".pick-code")).to_have_text('{{ subscriber.first_name or "friend" }}')


def test_a_subscriber_chosen_after_asking_for_one_at_random_stays_chosen(editor: Page) -> None:
    editor.click("#preview-as")
    with held(editor, "/longest"):
        editor.locator("[data-extreme=longest]").click()
        editor.locator(".subscriber-option", has_text="Alice").click()
        editor.click("button[data-view=text]")
    preview = editor.frame_locator(".preview-frame")
    expect(preview.locator("pre")).to_contain_text("Hello Alice")
    editor.wait_for_load_state("networkidle")
    expect(editor.locator("#preview-as")).to_have_attribute(
        "placeholder", re.compile("Alice|alice")
    )


@pytest.fixture
def promotion(server: tuple[Flask, str], owner: Page) -> Page:
    """The form that turns an attribute of one subscriber into a field."""
    app, url = server
    with app.app_context():
        with transaction():
            person = db.session.query(Subscriber).first()
            assert person is not None
            person.attributes = {"since": "2019-05-31"}
        db.session.remove()
    owner.goto(f"{url}/fields/attributes/promote?attribute=since")
    return owner


def test_a_name_typed_while_the_values_are_converted_again_stays(promotion: Page) -> None:
    with held(promotion, "/promote"):
        promotion.get_by_label("Type").select_option("date")
        promotion.get_by_label("Name").fill("Customer since")
    expect(promotion.get_by_text("1 value converts.")).to_be_visible()
    expect(promotion.get_by_label("Name")).to_have_value("Customer since")
    # A second choice replaces the first, also while its answer is on its way.
    with held(promotion, "type=number"):
        with promotion.expect_request(lambda request: "type=number" in request.url):
            promotion.get_by_label("Type").select_option("number")
        promotion.get_by_label("Type").select_option("text")
    expect(promotion.get_by_label("Type")).to_have_value("text")


def test_a_choice_made_the_moment_an_answer_is_shown_is_heard(promotion: Page) -> None:
    promotion.evaluate("""new MutationObserver((changes, observer) => {
        const select = document.querySelector("#conversion select[name=type]");
        if (select.value !== "date") return;
        observer.disconnect();
        select.value = "number";
        select.dispatchEvent(new Event("change", { bubbles: true }));
    }).observe(document.querySelector("main"), { childList: true, subtree: true })""")
    with promotion.expect_response(lambda response: "type=number" in response.url):
        promotion.get_by_label("Type").select_option("date")
    expect(promotion.get_by_label("Decimal sign")).to_be_visible()


def test_an_alt_text_typed_while_an_image_is_saved_stays(
    server: tuple[Flask, str], owner: Page
) -> None:
    app, url = server
    owner.goto(f"{url}/media")
    file: FilePayload
    file = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": encoded(painting(100, 50), "JPEG")}
    with owner.expect_response("**/media/upload"):
        owner.locator("input[type=file]").set_input_files(file)
    with app.app_context():
        path = f"/media/{db.session.query(Media).one().public_id}"
        db.session.remove()
    owner.goto(url + path)
    with held(owner, f"{path}$"):
        owner.get_by_role("button", name="Save changes").click()
        owner.get_by_role("textbox", name="Alt text").fill("The quay at dawn")
    expect(owner.get_by_text("Changes saved")).to_be_visible()
    expect(owner.get_by_role("textbox", name="Alt text")).to_have_value("The quay at dawn")


def test_selected_images_stay_selected_when_another_is_uploaded_or_opened(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.goto(f"{server[1]}/media")
    pictures = {"a.jpg": encoded(painting(100, 50), "JPEG"), "b.jpg": encoded(drawing(), "PNG")}
    upload_to = owner.locator("[data-media-upload] input[type=file]")
    files: list[FilePayload] = [
        {"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in pictures.items()
    ]
    upload_to.set_input_files(files[:1])
    owner.get_by_label("Select a.jpg").check()
    folder = owner.get_by_label("Folder to move the images to")
    folder.fill("Spr")
    with held(owner, "/media$"):
        upload_to.set_input_files(files[1:])
        folder.fill("Spring")
        owner.get_by_label("Search by name or alt text").fill("quay")
    expect(owner.locator(".media-card")).to_have_count(2)
    owner.locator("a.media-open", has_text="b.jpg").click()
    with owner.expect_response("**/media"):
        owner.locator("#media-dialog").get_by_role("button", name="Close").first.click()
    expect(owner.locator("a.media-open", has_text="b.jpg")).to_be_focused()
    expect(owner.get_by_label("Select a.jpg")).to_be_checked()
    expect(owner.get_by_label("Select b.jpg")).not_to_be_checked()
    expect(owner.get_by_text("1 selected")).to_be_visible()
    expect(folder).to_have_value("Spring")
    expect(owner.get_by_label("Search by name or alt text")).to_have_value("quay")


def test_an_address_typed_while_a_feed_is_fetched_stays(editor: Page) -> None:
    load_card(editor, "#feed-title")
    address = editor.locator("#feed-address")
    address.fill("https://169.254.169.254/")
    with held(editor, "/content/feed"):
        editor.get_by_role("button", name="Fetch").click()
        address.fill("https://feed.example/")
    expect(editor.get_by_text("This host has an address inside a private network.")).to_be_visible()
    expect(address).to_have_value("https://feed.example/")


def test_variables_rest_while_they_are_saved(editor: Page) -> None:
    load_card(editor, "#variables-title")
    editor.get_by_label("Name of variable 1").fill("price")
    editor.get_by_label("Value of variable 1").fill("12")
    with held(editor, "/variables"):
        editor.get_by_role("button", name="Save variables").click()
        expect(editor.get_by_label("Value of variable 1")).to_be_disabled()
    expect(editor.get_by_label("Name of variable 2")).to_be_enabled()
    expect(editor.get_by_label("Value of variable 1")).to_have_value("12")


@pytest.fixture
def rules(server: tuple[Flask, str], owner: Page) -> Page:
    """The builder of segments, with a rule about a list and one about mailbox providers."""
    app, url = server
    with app.app_context():
        with transaction():
            for name in ("Clients", "Partners"):
                a_list(name)
        db.session.remove()
    owner.goto(f"{url}/segments/new")
    owner.get_by_label("What").select_option("list")
    expect(owner.get_by_label("List", exact=True)).to_be_visible()
    owner.locator("#n1-add").click()
    owner.locator("#n3-what").select_option("mailbox_provider")
    expect(owner.get_by_label("Gmail")).to_be_visible()
    return owner


def test_what_is_chosen_while_the_rules_are_drawn_again_stays(rules: Page) -> None:
    rules.get_by_label("Yahoo").check()
    with held(rules, "/preview"):
        rules.locator("#n1-add").click()
        rules.locator("#n1-join").select_option("none")
        rules.get_by_label("List", exact=True).select_option(label="Partners")
        rules.get_by_label("Gmail").check()
        rules.get_by_label("Yahoo").uncheck()
    expect(rules.locator("#n4-what")).to_be_visible()
    expect(rules.locator("#n1-join")).to_have_value("none")
    chosen = rules.get_by_label("List", exact=True).locator("option:checked")
    expect(chosen).to_have_text("Partners")
    expect(rules.get_by_label("Gmail")).to_be_checked()
    expect(rules.get_by_label("Yahoo")).not_to_be_checked()


def test_a_choice_that_draws_the_rules_counts_although_an_answer_came_first(rules: Page) -> None:
    # By keyboard, the rules are drawn when the keys rest: here, when the test says so.
    rules.evaluate(
        """() => {
          const wait = window.setTimeout;
          window.setTimeout = (act, ms, ...also) => {
            if (ms !== 500) return wait(act, ms, ...also);
            window.rest = act;
            return 0;
          };
        }"""
    )
    with held(rules, "/preview"):
        rules.locator("#n1-add").click()
        rules.locator("#n2-what").press("Shift")
        rules.locator("#n2-what").select_option("domain")
    expect(rules.locator("#n4-what")).to_be_visible()
    expect(rules.locator("#n2-what")).to_have_value("domain")
    rules.evaluate("window.rest()")
    expect(rules.get_by_label("Domains, one per line")).to_be_visible()


def test_options_typed_while_the_type_changes_stay(server: tuple[Flask, str], owner: Page) -> None:
    owner.goto(f"{server[1]}/fields/new")
    owner.get_by_label("Type").select_option("choice")
    options = owner.get_by_label("New options")
    options.fill("Pro")
    owner.locator("#type-inputs").evaluate("shown => { shown.dataset.before = ''; }")
    with held(owner, "/fields/new"):
        owner.get_by_label("Type").select_option("choices")
        options.fill("Pro\nFree")
    expect(owner.locator("#type-inputs[data-before]")).to_have_count(0)
    expect(options).to_have_value("Pro\nFree")


def test_columns_rest_while_a_file_is_read_differently(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.goto(f"{server[1]}/imports/new")
    file: FilePayload
    file = {"name": "a.csv", "mimeType": "text/csv", "buffer": b"email;tier\nann@x.example;gold\n"}
    owner.locator("input[type=file]").set_input_files(file)
    owner.get_by_role("button", name="Upload").click()
    role = owner.get_by_label("Import “tier” as")
    role.select_option("ignore")
    start = owner.get_by_role("button", name="Start import")
    expect(start).to_be_enabled()
    with held(owner, "/preview"):
        owner.get_by_label("First row").select_option("no")
        expect(start).to_be_disabled()
        expect(owner.locator("#preview > [inert] [name=column_1]")).to_have_count(1)
    expect(owner.get_by_label("Import “Column 2” as")).to_have_value("ignore")
    expect(start).to_be_enabled()
    expect(owner.locator("#preview > [inert]")).to_have_count(0)
    # A second change replaces the first; an answer that never comes leaves the page as it was.
    with held(owner, "/preview"):
        owner.get_by_label("First row").select_option("yes")
        owner.get_by_label("Encoding").select_option("cp1252")
        expect(start).to_be_disabled()
    expect(role).to_have_value("ignore")
    expect(owner.get_by_label("Encoding")).to_have_value("cp1252")
    expect(start).to_be_enabled()
    owner.route("**/preview", lambda route: route.abort())
    owner.get_by_label("First row").select_option("no")
    expect(start).to_be_enabled()
    owner.locator("#list").select_option(label="New list…")
    owner.get_by_label("Name of the new list").fill("Customers")
    start.click()
    expect(owner.get_by_text("The file is read differently now.")).to_be_visible()


def test_a_test_email_is_sent_once_and_keeps_those_before_in_sight(editor: Page) -> None:
    asked: list[str] = []
    editor.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    editor.get_by_role("button", name="Send test").first.click()
    dialog = editor.locator("#test-dialog")
    dialog.get_by_label("To").fill("nobody")
    dialog.get_by_role("button", name="Send test").click()
    expect(dialog.locator(".test-bad")).to_have_count(1)
    dialog.get_by_label("To").fill("a@office.example")
    dialog.get_by_role("button", name="Send test").click()
    expect(dialog.locator(".test-bad")).to_have_count(0)
    expect(dialog.get_by_text("Sending to a@office.example")).to_be_visible()
    # One failed answer does not end the questions.
    path = re.compile(r"/content/test/\d+")
    with editor.expect_event("requestfailed"):
        editor.route(path, lambda route: route.abort())
    editor.unroute(path)
    with editor.expect_response(path):
        pass
    # Two clicks while an unsaved text is being saved send one.
    dialog.get_by_label("To").fill("b@office.example")
    with held(editor, "/content/save"):
        editor.locator("#source").evaluate(
            """source => {
              source.value += "x";
              source.dispatchEvent(new Event("input", { bubbles: true }));
            }"""
        )
        for _click in range(2):
            dialog.get_by_role("button", name="Send test").click()
    expect(dialog.get_by_text("Sending to b@office.example")).to_be_visible()
    expect(dialog.get_by_text("Sending to a@office.example")).to_be_visible()
    with editor.expect_response(path):  # by now, a second one would have been sent
        pass
    expect(dialog.locator(".test-busy")).to_have_count(2)
    assert len([one for one in asked if one.startswith("POST") and one.endswith("/test")]) == 3
