"""The pages of the media library."""

from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.config import Settings
from campaigns.content.library.models import Media
from campaigns.db import db
from tests.conftest import settings_for_tests
from tests.content.library.pictures import drawing, encoded, huge_png, painting
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
