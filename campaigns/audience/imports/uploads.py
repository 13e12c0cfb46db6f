"""Uploaded files: streamed to disk, checked while streaming, deleted unless kept."""

import errno
import hashlib
import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from campaigns.audience.imports.detection import NotCsvError, Probe
from campaigns.audience.imports.dialect import Dialect
from campaigns.reason import Reason

MAX_FILE_BYTES = 2 * 1024**3
RESERVE_BYTES = 200 * 1024 * 1024
"""Disk space kept free for the database, in bytes."""
COPY_BYTES = 1024 * 1024
ORPHAN_AGE = timedelta(days=1)


class UploadError(ValueError):
    """The file cannot be imported."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


class Upload:
    """An incoming file. Write to it, then `keep` or `close` it; closing deletes it unless kept.

    A failed write (disk full) deletes the file and sets `problem`. The rest of the stream is read
    and dropped, so that the client reads the response.
    """

    def __init__(self, folder: Path, *, expected_bytes: int = 0) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{secrets.token_hex(12)}.part"
        self.size = 0
        self.problem: Reason | None = None
        self._hash = hashlib.sha256()
        self._probe = Probe()
        self._is_kept = False
        self._checked = 0
        self._file: BinaryIO | None = self.path.open("xb", buffering=0)
        self._check_room(expected_bytes)

    def write(self, block: bytes) -> int:
        """Write a block. Returns its length, even after a failure."""
        if self._file is None:
            return len(block)
        if self.size - self._checked > 16 * COPY_BYTES:
            self._checked = self.size
            self._check_room(0)
        self.size += len(block)
        self._hash.update(block)
        self._probe.feed(bytes(block))
        try:
            rest = memoryview(block)
            while rest and self._file is not None:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._give_up(_reason_of(error))
        return len(block)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Do nothing: the form parser rewinds a finished file, which nobody reads again."""
        return 0

    def close(self) -> None:
        """Close the file, and delete it unless it is kept."""
        self._close_file()
        if not self._is_kept:
            self.path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """Hash of the written bytes."""
        return self._hash.hexdigest()

    def finish(self) -> Dialect:
        """Close the file and return its dialect. Raises UploadError."""
        try:
            if self.problem:
                raise UploadError(self.problem)
            return self._probe.dialect()
        except NotCsvError as error:
            raise UploadError(error.reason) from None
        finally:
            self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def keep(self) -> str:
        """Keep the file; returns its name in the folder of uploads."""
        kept = self.path.with_suffix(".csv")
        self.path.rename(kept)
        self.path = kept
        self._is_kept = True
        return kept.name

    def _check_room(self, expected_bytes: int) -> None:
        free = shutil.disk_usage(self.path.parent).free
        if free < expected_bytes + RESERVE_BYTES:
            self._give_up(_FULL)

    def _give_up(self, problem: Reason) -> None:
        self.problem = problem
        self.close()


_FULL = Reason("import_file.disk_full")


def _reason_of(error: OSError) -> Reason:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _FULL
    return Reason("import_file.not_stored", {"detail": error.strerror})


def sweep(folder: Path, *, now: datetime) -> None:
    """Delete incomplete files that a killed server left more than a day ago."""
    for path in folder.glob("*.part"):
        try:
            if path.stat().st_mtime < (now - ORPHAN_AGE).timestamp():
                path.unlink()
        except FileNotFoundError:
            continue  # another process deleted it


def take_in(source: BinaryIO, folder: Path, *, size_bytes: int = 0) -> Upload:
    """Copy an open file into the folder of uploads. Close the upload unless it is kept."""
    upload = Upload(folder, expected_bytes=size_bytes)
    try:
        for block in _blocks(source):
            upload.write(block)
            if upload.problem:
                break  # no client waits for a response, and a pipe may be endless
    except BaseException:
        upload.close()
        raise
    return upload


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    while block := source.read(COPY_BYTES):
        yield block
