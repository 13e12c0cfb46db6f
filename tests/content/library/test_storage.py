"""Files of the media library: on disk, and in a bucket of a real server."""

import errno
import shutil
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from campaigns.cli.checks import check_media
from campaigns.config import Settings, SettingsError, load_settings
from campaigns.content.library import storage
from campaigns.content.library.storage import (
    DiskStorage,
    MediaStorage,
    S3Storage,
    StorageError,
    path_of,
    storage_of,
    type_of,
)
from tests.conftest import settings_for_tests

PATH = path_of("aB3dE6gH9kLm", "0f" * 32, "image/png")
OTHER = path_of("aB3dE6gH9kLm", "1e" * 32, "image/jpeg")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def create_bucket(endpoint: str, name: str) -> None:
    connection = HTTPConnection(endpoint.removeprefix("http://"))
    connection.request("PUT", f"/{name}")
    assert connection.getresponse().status == 200
    connection.close()


def in_bucket(endpoint: str, folder: Path, bucket: str = "images") -> Settings:
    return settings_for_tests(
        folder,
        media_s3_bucket=bucket,
        media_s3_endpoint=endpoint,
        media_s3_access_key_id="key",
        media_s3_secret_access_key="secret of the key",
    )


@pytest.fixture(params=["disk", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStorage:
    if request.param == "disk":
        return storage_of(settings_for_tests(tmp_path))
    address = request.getfixturevalue("endpoint")
    create_bucket(address, "images")
    return storage_of(in_bucket(address, tmp_path))


def test_a_file_is_stored_read_and_deleted(kept: MediaStorage) -> None:
    assert kept.get(PATH) is None
    kept.put(PATH, b"pixels")
    kept.put(PATH, b"pixels")
    kept.put(OTHER, b"others")
    assert kept.get(PATH) == b"pixels"
    kept.delete([PATH, PATH])
    assert kept.get(PATH) is None
    assert kept.get(OTHER) == b"others"
    kept.delete([OTHER])


def test_a_bucket_shows_the_type_and_how_long_to_cache(endpoint: str, tmp_path: Path) -> None:
    create_bucket(endpoint, "shown")
    kept = S3Storage(in_bucket(endpoint, tmp_path, "shown"))
    kept.put(PATH, b"pixels")
    shown = obstore.get(kept._store, PATH).attributes
    assert shown["Content-Type"] == "image/png"
    assert shown["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_bucket_that_cannot_be_used_is_a_reason_and_no_traceback(
    endpoint: str, tmp_path: Path
) -> None:
    missing = storage_of(in_bucket(endpoint, tmp_path, "missing"))
    with pytest.raises(StorageError, match=r"image\.storage_unavailable"):
        missing.put(PATH, b"pixels")


def test_a_server_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "RETRIES", 0)
    away = storage_of(in_bucket("http://127.0.0.1:1", tmp_path))
    with pytest.raises(StorageError):
        away.get(PATH)
    with pytest.raises(StorageError):
        away.put(PATH, b"pixels")
    with pytest.raises(StorageError):
        away.delete([PATH])


def test_without_an_endpoint_and_keys_amazon_and_the_machine_decide(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = S3Storage(settings_for_tests(tmp_path, media_s3_bucket="images"))._store
    assert isinstance(store, S3Store)
    assert {*store.config} == {"bucket", "region", "virtual_hosted_style_request"}


def test_files_on_disk_are_readable_by_their_owner_only_and_never_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = DiskStorage(tmp_path)
    kept.put(PATH, b"pixels")
    assert (tmp_path / PATH).parent.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OSError) as full:
        kept.put(OTHER, b"others")
    assert full.value.errno == errno.ENOSPC
    assert [path.name for path in (tmp_path / PATH).parent.iterdir()] == [Path(PATH).name]


def test_the_doctor_names_a_bucket_that_cannot_be_used(endpoint: str, tmp_path: Path) -> None:
    create_bucket(endpoint, "healthy")
    (healthy,) = check_media(in_bucket(endpoint, tmp_path, "healthy"))
    assert healthy.level == "ok"
    (missing,) = check_media(in_bucket(endpoint, tmp_path, "not-there"))
    assert missing.level == "problem"
    assert "not-there" in missing.text
    assert list(check_media(settings_for_tests(tmp_path))) == []


@pytest.mark.parametrize(
    "path",
    [
        "media/../../etc/passwd",
        "media/aB3dE6gH9kLm/../../../secret.key",
        "media/aB3dE6gH9kLm/" + "0f" * 10 + ".svg",
        "media/aB3dE6gH9kLm/" + "0F" * 10 + ".png",
        PATH + "\n",
        "/" + PATH,
        "",
    ],
)
def test_no_other_path_is_ever_used(tmp_path: Path, path: str) -> None:
    assert type_of(path) == ""
    with pytest.raises(ValueError, match="no path"):
        DiskStorage(tmp_path).get(path)


def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_S3_BUCKET", "no/bucket")
    monkeypatch.setenv("MEDIA_S3_ENDPOINT", "ftp://files.example.org")
    monkeypatch.setenv("MEDIA_S3_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("MEDIA_S3_SECRET_ACCESS_KEY", "")
    monkeypatch.setenv("MEDIA_PUBLIC_URL", "cdn.example.org")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert set(caught.value.problems) == {
        "MEDIA_S3_BUCKET",
        "MEDIA_S3_ENDPOINT",
        "MEDIA_S3_SECRET_ACCESS_KEY",
        "MEDIA_PUBLIC_URL",
    }
