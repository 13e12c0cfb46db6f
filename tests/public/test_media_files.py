"""Images of emails, as recipients load them."""

from flask.testing import FlaskClient

from campaigns.content.library.storage import path_of, storage_of
from campaigns.context import services
from tests.conftest import settings_for_tests

PATH = path_of("aB3dE6gH9kLm", "0f" * 32, "image/png")


def test_an_image_is_served_for_ever_and_asked_for_once(client: FlaskClient) -> None:
    storage_of(services().settings).put(PATH, b"pixels")
    answer = client.get(f"/{PATH}")
    assert (answer.data, answer.mimetype) == (b"pixels", "image/png")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    again = client.get(f"/{PATH}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.head(f"/{PATH}").headers["Content-Length"] == "6"


def test_an_image_is_served_under_any_host_name(client: FlaskClient) -> None:
    storage_of(services().settings).put(PATH, b"pixels")
    assert client.get(f"/{PATH}", headers={"Host": "old.example.com"}).status_code == 200


def test_what_is_no_image_of_ours_is_not_found_and_not_cached(client: FlaskClient) -> None:
    (services().settings.data_dir / "media").mkdir()
    (services().settings.data_dir / "media" / "secret.key").write_text("secret")
    for path in (
        PATH,
        "media/aB3dE6gH9kLm/logo.svg",
        "media/aB3dE6gH9kLm/..%2f..%2fsecret.key",
        "media/aB3dE6gH9kLm/%00.png",
        "media/short/" + "0f" * 10 + ".png",
    ):
        answer = client.get(f"/{path}")
        assert answer.status_code in {400, 404}, path
        assert b"secret" not in answer.data
        assert "immutable" not in answer.headers["Cache-Control"]


def test_a_storage_that_is_away_asks_to_come_back(client: FlaskClient) -> None:
    found = client.application.extensions["campaigns"]
    away = settings_for_tests(
        found.settings.data_dir,
        media_s3_bucket="images",
        media_s3_endpoint="http://127.0.0.1:1",
        media_s3_access_key_id="key",
        media_s3_secret_access_key="secret",
    )
    object.__setattr__(found, "settings", away)
    answer = client.get(f"/{PATH}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
