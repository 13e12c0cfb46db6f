"""Where the files of the media library are: a folder in DATA_DIR, or a bucket.

Paths are the same in both, and those of the public addresses: `media/<public id>/<digest>.<type>`.
A file never changes under its path, so it may be cached for ever, and a copy is a backup.
"""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import obstore
import structlog
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from campaigns.config import Settings
from campaigns.reason import ReasonError

if TYPE_CHECKING:
    from obstore.store import S3Config

log = structlog.get_logger()

ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}
CONTENT_TYPES = {ending: content_type for content_type, ending in ENDINGS.items()}
DIGEST_LENGTH = 20
"""Digits of a file's SHA-256 in its path: addresses count towards the size of an email."""
CACHE_CONTROL = "public, max-age=31536000, immutable"
RESERVE_BYTES = 200 * 1024 * 1024
"""Disk space kept free for the database, in bytes."""
TIMEOUT = timedelta(seconds=20)
RETRIES = 2
_PATH = re.compile(
    rf"media/[A-Za-z0-9]{{12}}/[0-9a-f]{{{DIGEST_LENGTH}}}\.({'|'.join(ENDINGS.values())})"
)

# The library raises some of its errors as those of Python.
_FAILED = (BaseError, OSError)
_MISSING = (NotFoundError, FileNotFoundError)


class StorageError(ReasonError):
    """The storage cannot be reached, or refuses: nothing was changed."""


class MediaStorage(Protocol):
    """Keeps files under paths of `path_of`."""

    def put(self, path: str, data: bytes) -> None:
        """Store a file; done once it is safe. Raises StorageError, or OSError for a full disk."""
        ...

    def get(self, path: str) -> bytes | None:
        """Return a file; None if there is none. Raises StorageError."""
        ...

    def delete(self, paths: Iterable[str]) -> None:
        """Delete the files that exist. Raises StorageError."""
        ...


def path_of(public_id: str, digest: str, content_type: str) -> str:
    """Return the path of a file; `digest` is its SHA-256 in hexadecimal."""
    return f"media/{public_id}/{digest[:DIGEST_LENGTH]}.{ENDINGS[content_type]}"


def type_of(path: str) -> str:
    """Return the content type of a path; "" if it is not one of ours."""
    found = _PATH.fullmatch(path)
    return CONTENT_TYPES[found[1]] if found else ""


@lru_cache(maxsize=8)
def storage_of(settings: Settings) -> MediaStorage:
    """Return the storage that the settings name."""
    return S3Storage(settings) if settings.media_s3_bucket else DiskStorage(settings.data_dir)


class DiskStorage:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, path: str, data: bytes) -> None:
        """Write a file under another name first, so that nobody reads a part of it."""
        target = self._place(path)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(target.parent).free < len(data) + RESERVE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = target.with_name(f"{secrets.token_hex(8)}.part")
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.rename(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def get(self, path: str) -> bytes | None:
        """Read a file."""
        try:
            return self._place(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files, and their folders once these are empty."""
        for path in paths:
            place = self._place(path)
            place.unlink(missing_ok=True)
            with suppress(OSError):
                place.parent.rmdir()

    def _place(self, path: str) -> Path:
        if not type_of(path):
            raise ValueError(f"no path of the media library: {path!r}")
        return self._folder / path


class S3Storage:
    """Files in a bucket of Amazon, or of a server with the same interface."""

    def __init__(self, settings: Settings) -> None:
        endpoint = settings.media_s3_endpoint
        self._store = S3Store(
            settings.media_s3_bucket,
            config=_s3_config(settings),
            # Every server supports buckets in the path; only Amazon supports them as host names.
            virtual_hosted_style_request=not endpoint,
            client_options={
                "timeout": TIMEOUT,
                "connect_timeout": timedelta(seconds=5),
                "allow_http": endpoint.startswith("http://"),
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": TIMEOUT},
        )

    def put(self, path: str, data: bytes) -> None:
        """Upload a file, with the headers that a server in front of the bucket shows."""
        headers = {"Content-Type": type_of(path), "Cache-Control": CACHE_CONTROL}
        try:
            obstore.put(self._store, path, data, attributes=headers)
        except _FAILED as error:
            raise _unavailable(error) from None

    def get(self, path: str) -> bytes | None:
        """Download a file."""
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except _MISSING:
            return None
        except _FAILED as error:
            raise _unavailable(error) from None

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files."""
        try:
            for path in paths:
                with suppress(*_MISSING):
                    obstore.delete(self._store, path)
        except _FAILED as error:
            raise _unavailable(error) from None


def _s3_config(settings: Settings) -> "S3Config":
    config: S3Config = {"region": settings.media_s3_region}
    if settings.media_s3_endpoint:
        config["endpoint"] = settings.media_s3_endpoint
    if secret := settings.media_s3_secret_access_key.get_secret_value():
        config["access_key_id"] = settings.media_s3_access_key_id
        config["secret_access_key"] = secret
    return config  # without keys, those of the machine are used


def _unavailable(error: Exception) -> StorageError:
    log.error("the storage of the media library failed", error=" ".join(str(error).split())[:300])
    return StorageError("image.storage_unavailable")
