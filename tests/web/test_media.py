"""The pages of the media library."""

from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.config import Settings
from campaigns.content.library import media
from campaigns.content.library.models import Media, Template
from campaigns.db import db, transaction
from tests.conftest import settings_for_tests
from tests.content.library.pictures import drawing, encoded, huge_png, painting
from tests.factories import a_campaign, a_list
from tests.web.visits import visit

PNG = encoded(drawing(), "PNG")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for_tests(tmp_path, database_url=database_url, media_max_mb=1)


def send(client: FlaskClient, data: bytes, name: str = "logo.png", **fields: str) -> TestResponse:
    return visit(
        client,
        "/media/upload",
        "POST",
        data={"file": (BytesIO(data), name), **fields},
        headers={"Accept": "application/json"},
    )


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "media").rglob("*") if path.is_file()]


def test_an_upload_is_stored_and_can_be_loaded_by_anybody(
    owner_client: FlaskClient, client: FlaskClient, settings: Settings
) -> None:
    answer = send(owner_client, encoded(painting(1_300, 300), "PNG"), "sea.png", alt="The sea")
    assert answer.status_code == 201
    medium = answer.json["medium"]  # type: ignore[index]
    assert (medium["alt"], medium["width"], medium["kind"]) == ("The sea", 1200, "PNG")
    assert medium["src"] == f"media:{medium['id']}"
    image = visit(owner_client.application.test_client(), medium["url"])
    assert image.status_code == 200
    assert image.mimetype == "image/jpeg"
    assert image.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert image.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in image.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in image.headers


def test_the_same_file_twice_is_one_medium(owner_client: FlaskClient) -> None:
    first, second = send(owner_client, PNG), send(owner_client, PNG, "copy.png")
    assert second.status_code == 200
    assert second.json["is_new"] is False  # type: ignore[index]
    assert second.json["medium"]["id"] == first.json["medium"]["id"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (SVG, "logo.svg", "Export it as PNG"),
        (SVG, "logo.png", "Export it as PNG"),
        (PNG[:-200], "logo.png", "damaged or incomplete"),
        (huge_png(), "huge.png", "Scale it down"),
        (b"", "empty.png", "The file is empty"),
        (b"\xff\xd8\xff" + b"x" * 1_050_000, "large.jpg", "larger than 1 MB"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words_and_leaves_nothing(
    owner_client: FlaskClient, settings: Settings, data: bytes, name: str, words: str
) -> None:
    answer = send(owner_client, data, name)
    assert answer.status_code == 422
    assert words in answer.json["message"]  # type: ignore[index]
    assert files(settings) == []
    assert db.session.query(Media).count() == 0


def test_a_body_above_the_limit_is_refused_before_it_is_read(owner_client: FlaskClient) -> None:
    answer = send(owner_client, b"x" * 3_000_000)
    assert answer.status_code == 413
    assert "Too large" in answer.json["message"]  # type: ignore[index]


def test_nobody_uploads_without_a_login(client: FlaskClient, settings: Settings) -> None:
    assert "/login" in send(client, PNG).location
    assert files(settings) == []


def test_an_upload_without_a_file_says_so(owner_client: FlaskClient) -> None:
    answer = visit(owner_client, "/media/upload", "POST", data={"alt": "x"})
    assert (answer.status_code, answer.json) == (422, {"message": "Choose a file first."})


def test_a_storage_that_is_away_changes_nothing(owner_client: FlaskClient, tmp_path: Path) -> None:
    services = owner_client.application.extensions["campaigns"]
    away = settings_for_tests(
        tmp_path,
        database_url=services.settings.database_url,
        media_s3_bucket="images",
        media_s3_endpoint="http://127.0.0.1:1",
        media_s3_access_key_id="key",
        media_s3_secret_access_key="secret",
    )
    object.__setattr__(services, "settings", away)
    answer = send(owner_client, PNG)
    assert answer.status_code == 503
    assert "Try again in a minute" in answer.json["message"]  # type: ignore[index]
    assert db.session.query(Media).count() == 0


# --- The library


def added(client: FlaskClient, width: int = 40, name: str = "logo.png", **fields: str) -> str:
    answer = send(client, encoded(drawing(width, 20), "PNG"), name, **fields)
    medium: str = answer.json["medium"]["id"]  # type: ignore[index]
    return medium


def test_the_library_shows_searches_and_filters_images(owner_client: FlaskClient) -> None:
    assert "No images yet" in visit(owner_client, "/media").text
    added(owner_client, 40, "logo.png", folder="Logos", alt="Harbour")
    added(owner_client, 42, "<b>sea</b>.png")
    page = visit(owner_client, "/media").text
    assert "&lt;b&gt;.png" in page or "b&gt;.png" in page
    assert 'loading="lazy"' in page
    assert page.count("No alt text") == 1
    assert "logo.png" in visit(owner_client, "/media?folder=Logos").text
    assert "logo.png" not in visit(owner_client, "/media?folder=-").text
    assert "logo.png" not in visit(owner_client, "/media?show=no-alt").text
    assert "No images found" in visit(owner_client, "/media?q=nothing").text


def test_thousands_of_images_are_paged_by_key(owner_client: FlaskClient) -> None:
    with transaction():
        db.session.add_all(
            Media(
                name=f"{number}.png",
                content_type="image/png",
                width=9,
                height=9,
                size=9,
                digest="0f" * 32,
                upload_digest=str(number),
            )
            for number in range(130)
        )
    first = visit(owner_client, "/media/images").json
    assert first is not None
    assert [image["name"] for image in first["images"][:2]] == ["129.png", "128.png"]
    second = visit(owner_client, f"/media/images?after={first['after']}").json
    assert second is not None
    assert (len(first["images"]), len(second["images"])) == (60, 60)
    assert second["images"][0]["name"] == "69.png"
    oldest = visit(owner_client, f"/media/images?after={second['after']}").json
    assert oldest is not None
    assert (len(oldest["images"]), oldest["after"]) == (10, None)
    assert visit(owner_client, "/media?after=x").status_code == 200


def test_the_picker_gets_the_current_image_first(owner_client: FlaskClient) -> None:
    first, second = added(owner_client, 40), added(owner_client, 42)
    answer = visit(owner_client, f"/media/images?selected={first}").json
    assert answer is not None
    assert [image["id"] for image in answer["images"]] == [first, second]
    assert answer["folders"] == []


def test_what_is_said_about_an_image_can_be_changed(owner_client: FlaskClient) -> None:
    path = f"/media/{added(owner_client)}"
    answer = visit(
        owner_client, path, "POST", data={"name": "new.png", "alt": "A logo", "folder": "Logos"}
    )
    assert answer.location == path
    page = visit(owner_client, path).text
    assert all(text in page for text in ('value="new.png"', 'value="A logo"', 'value="Logos"'))
    part = visit(
        owner_client,
        path,
        "POST",
        data={"name": "new.png", "alt": "A logo", "is_decorative": "1"},
        headers={"HX-Request": "true"},
    )
    assert "<html" not in part.text
    assert "Changes saved" in part.text
    assert 'value="A logo"' not in part.text
    answer = visit(owner_client, f"{path}/alt", "POST", data={"alt": "The logo"})
    assert answer.json["medium"]["alt"] == "The logo"  # type: ignore[index]
    assert visit(owner_client, "/media/000000000000").status_code == 404


def test_the_details_name_what_shows_an_image(owner_client: FlaskClient) -> None:
    public_id = added(owner_client)
    assert "Nothing uses it yet" in visit(owner_client, f"/media/{public_id}").text
    with transaction():
        a_campaign(a_list(), name="Spring <3", source=f"media:{public_id}")
        db.session.add(Template(name="Letter", source=f"media:{public_id}"))
    page = visit(owner_client, f"/media/{public_id}").text
    assert "Spring &lt;3" in page
    assert ">Letter</a>" in page


# --- Move and delete


def test_an_image_that_nothing_shows_is_deleted_with_its_files(
    owner_client: FlaskClient, settings: Settings
) -> None:
    path = f"/media/{added(owner_client)}/delete"
    assert "stop working" in visit(owner_client, path).text
    assert files(settings)
    assert visit(owner_client, path, "POST").location == "/media"
    assert files(settings) == []
    assert db.session.query(Media).count() == 0
    assert visit(owner_client, path, "POST").status_code == 302


def test_an_image_of_a_draft_or_template_is_kept_and_its_uses_are_named(
    owner_client: FlaskClient, settings: Settings
) -> None:
    public_id = added(owner_client)
    with transaction():
        db.session.add(Template(name="Letter", source=f"media:{public_id}"))
    for method, status in (("GET", 200), ("POST", 422)):
        answer = visit(owner_client, f"/media/{public_id}/delete", method)
        assert answer.status_code == status
        assert "It is shown in “Letter”. Replace it there first." in answer.text
    assert files(settings)


def test_an_image_of_sent_emails_leaves_the_library_but_still_loads(
    owner_client: FlaskClient, settings: Settings
) -> None:
    public_id = added(owner_client)
    url = visit(owner_client, f"/media/images?selected={public_id}").json["images"][0]["url"]  # type: ignore[index]
    with transaction():
        a_campaign(a_list(), name="Spring", source=f"media:{public_id}", status="sent")
    path = f"/media/{public_id}/delete"
    assert "keep working" in visit(owner_client, path).text
    visit(owner_client, path, "POST")
    assert "No images yet" in visit(owner_client, "/media").text
    assert visit(owner_client, url).status_code == 200
    assert set(media.files_of([public_id])) == {public_id}
    # The same file again brings it back.
    assert added(owner_client) == public_id
    visit(owner_client, path, "POST", data={"erase": "1"})
    assert visit(owner_client, url).status_code == 404
    assert files(settings) == []


def test_a_file_that_was_erased_becomes_a_new_image_if_it_is_uploaded_again(
    owner_client: FlaskClient, settings: Settings
) -> None:
    public_id = added(owner_client)
    with transaction():
        a_campaign(a_list(), name="Spring", source=f"media:{public_id}", status="sent")
    visit(owner_client, f"/media/{public_id}/delete", "POST", data={"erase": "1"})
    assert added(owner_client) != public_id
    assert files(settings)


def test_an_upload_brings_back_files_that_the_storage_lost(
    owner_client: FlaskClient, settings: Settings
) -> None:
    public_id, stored = added(owner_client), files(settings)
    for path in stored:
        path.unlink()
    assert added(owner_client) == public_id
    assert files(settings) == stored


def test_selected_images_are_moved_and_deleted_except_those_in_use(
    owner_client: FlaskClient,
) -> None:
    used, unused = added(owner_client, 40), added(owner_client, 42)
    both = {"image": [used, unused]}
    visit(owner_client, "/media/selected", "POST", data={**both, "action": "move", "folder": "Old"})
    assert media.folders() == {"Old": 2}
    with transaction():
        db.session.add(Template(name="Letter", source=f"media:{used}"))
    page = visit(owner_client, "/media/selected", "POST", data={**both, "action": "ask"}).text
    assert "1 image is deleted." in page
    assert "1 image stays, because it is shown in “Letter”." in page
    visit(owner_client, "/media/selected", "POST", data={"images": unused, "action": "delete"})
    assert media.folders() == {"Old": 1}
    page = visit(owner_client, "/media/selected", "POST", data={"action": "ask"}).location
    assert page == "/media"
