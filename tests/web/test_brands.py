"""The pages of brands."""

from flask.testing import FlaskClient

from campaigns.content.brand_style import BrandStyle
from campaigns.content.library.brand_input import texts_of
from campaigns.content.library.context import style_of
from campaigns.content.library.media import files_of
from campaigns.content.library.models import Brand
from campaigns.db import db, transaction
from tests.content.library.pictures import drawing, encoded
from tests.content.library.test_media import added
from tests.factories import a_brand, a_campaign, a_provider, a_sender, a_template

TEXTS = texts_of(BrandStyle())


def only_brand() -> Brand:
    return db.session.query(Brand).one()


def seen_in(page: str) -> str:
    return page.split('name="seen" value="', 1)[1].split('"')[0]


def test_a_brand_is_created_changed_and_shown(owner_client: FlaskClient) -> None:
    assert "No brands yet" in owner_client.get("/brands").text
    with transaction():
        sender = a_sender("hello@example.org", a_provider())
    wrong = owner_client.post("/brands/new", data={**TEXTS, "name": "", "light_text": "red"})
    assert wrong.status_code == 422
    assert "Enter a name." in wrong.text
    assert "Enter a color such as" in wrong.text
    form = {**TEXTS, "name": "<b>Harbour</b>", "sender": sender.public_id}
    assert owner_client.post("/brands/new", data=form).status_code == 302
    brand = only_brand()
    assert (brand.is_default, brand.sender_id) == (True, sender.id)
    assert "&lt;b&gt;Harbour&lt;/b&gt;" in owner_client.get("/brands").text
    path = f"/brands/{brand.public_id}"
    seen = seen_in(owner_client.get(path).text)
    changed = {**form, "seen": seen, "sender": "", "light_accent": "#aa0000"}
    assert owner_client.post(path, data=changed).status_code == 302
    assert style_of(None).light.accent == "#aa0000"
    assert only_brand().sender_id is None


def test_a_logo_of_the_library_is_shown_with_its_file_name(owner_client: FlaskClient) -> None:
    logo = added(encoded(drawing(), "PNG"), name="harbour.png")
    with transaction():
        brand = a_brand("Harbour", style={"logo": f"media:{logo.public_id}"})
    page = owner_client.get(f"/brands/{brand.public_id}").text
    assert "<span>harbour.png</span>" in page
    assert f'src="{files_of([logo.public_id])[logo.public_id].url}"' in page


def test_a_second_window_is_told_and_loses_nothing(owner_client: FlaskClient) -> None:
    with transaction():
        brand = a_brand(is_default=True)
    path = f"/brands/{brand.public_id}"
    seen = seen_in(owner_client.get(path).text)
    form = {**TEXTS, "seen": seen, "name": "Mine"}
    assert owner_client.post(path, data=form).status_code == 302
    refused = owner_client.post(path, data={**form, "name": "Theirs"})
    assert refused.status_code == 409
    assert "Someone else has saved this brand" in refused.text
    assert 'value="Theirs"' in refused.text
    again = {**form, "name": "Theirs", "seen": seen_in(refused.text)}
    assert owner_client.post(path, data=again).status_code == 302
    assert only_brand().name == "Theirs"


def test_a_sender_that_was_deleted_meanwhile_is_named(owner_client: FlaskClient) -> None:
    answer = owner_client.post("/brands/new", data={**TEXTS, "name": "Harbour", "sender": "gone"})
    assert answer.status_code == 422
    assert "This sender address was deleted." in answer.text


def test_the_default_is_changed_and_a_brand_duplicated(owner_client: FlaskClient) -> None:
    with transaction():
        a_brand("First", is_default=True)
        second = a_brand("Second")
    assert owner_client.post(f"/brands/{second.public_id}/default").status_code == 302
    assert owner_client.post(f"/brands/{second.public_id}/duplicate").status_code == 302
    rows = db.session.query(Brand.name, Brand.is_default).order_by(Brand.id).all()
    assert [tuple(row) for row in rows] == [
        ("First", False), ("Second", True), ("Second (copy)", False)
    ]  # fmt: skip
    assert owner_client.post("/brands/nothing/default").status_code == 404


def test_deleting_names_what_uses_the_brand_and_asks_first(owner_client: FlaskClient) -> None:
    with transaction():
        brand = a_brand(is_default=True)
        campaign = a_campaign(name="Spring news", brand_id=brand.id)
        a_template("Monthly", brand_id=brand.id)
    path = f"/brands/{brand.public_id}/delete"
    asked = owner_client.get(path).text
    assert "“Spring news”" in asked
    assert "“Monthly”" in asked
    assert "It is the default." in asked
    assert owner_client.post(path).status_code == 302
    db.session.refresh(campaign)
    assert campaign.brand_id is None
    assert owner_client.get(f"/brands/{brand.public_id}").status_code == 404


def test_the_preview_is_an_email_in_the_style_of_the_form(owner_client: FlaskClient) -> None:
    answer = owner_client.post(
        "/brands/preview",
        data={
            **TEXTS,
            "light_accent": "#aa00aa",
            "light_text": "#cccccc",
            "font_size": "huge",
            "postal_address": "Pier 7\nHamburg",
        },
    )
    assert answer.json is not None
    assert "Pier 7\nHamburg" in answer.json["html"]
    assert "#aa00aa" in answer.json["html"]
    assert "{{" not in answer.json["html"]
    assert any("text is hard to read" in one for one in answer.json["warnings"])
    assert list(answer.json["problems"]) == ["font_size"]
    assert db.session.query(Brand).count() == 0
    with transaction():
        brand = a_brand(style={"light": {**BrandStyle().light.model_dump(), "accent": "#00bb00"}})
    frame = owner_client.get(f"/brands/{brand.public_id}/preview")
    assert "#00bb00" in frame.text
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert owner_client.get("/brands/preview").status_code == 200


def test_a_thousand_brands_are_paged(owner_client: FlaskClient) -> None:
    with transaction():
        db.session.add_all(Brand(name=f"B{number:04}") for number in range(1000))
    page = owner_client.get("/brands").text
    assert "B0023" in page
    assert "B0024" not in page
    assert 'rel="next"' in page
