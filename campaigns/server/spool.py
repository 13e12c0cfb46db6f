"""Request and response bodies: small ones in memory, large ones in unnamed files."""

import io
import shutil
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO

MEMORY_BYTES = 64 * 1024
"""Size up to which a body stays in memory."""
RESERVE_BYTES = 200 * 1024 * 1024
"""Disk space kept free for the database."""
CHECK_BYTES = 16 * 1024 * 1024
"""Bytes written between two checks of the free space."""
MAX_TOTAL_BYTES = 16 * 1024**3
"""Limit for the size of all bodies in files."""


class SpoolFullError(Exception):
    """There is no room for this body on the disk."""


class Spool:
    """The folder that large bodies are written to, and how much of it is in use."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_TOTAL_BYTES) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._used = 0
        self._lock = threading.Lock()

    def body(self) -> "Body":
        """Return a new, empty body."""
        return Body(self)

    def open(self) -> BinaryIO:
        """Open a file that disappears when it is closed or the process is killed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=self._folder, buffering=0)

    def take(self, size: int) -> None:
        """Reserve disk space for a body. Raises SpoolFullError."""
        with self._lock:
            if self._used + size > self._max_bytes:
                raise SpoolFullError
            self._used += size

    def give_back(self, size: int) -> None:
        """Release reserved disk space."""
        with self._lock:
            self._used -= size

    def check_room(self) -> None:
        """Raise SpoolFullError unless the disk has space to spare."""
        if shutil.disk_usage(self._folder).free < RESERVE_BYTES:
            raise SpoolFullError


class Body:
    """One body: written once, then read once. `write` and `file` may touch the disk."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._file: BinaryIO = io.BytesIO()
        self._taken = 0
        self._unchecked = 0
        self.size = 0

    @property
    def is_in_memory(self) -> bool:
        """Whether the whole body is in memory."""
        return isinstance(self._file, io.BytesIO)

    def fits(self, block: bytes) -> bool:
        """Whether `write` can take this block without touching the disk."""
        return self.is_in_memory and self.size + len(block) <= MEMORY_BYTES

    def write(self, block: bytes) -> None:
        """Append a block. Raises SpoolFullError, also if the disk is full."""
        try:
            if not self.is_in_memory:
                self._write_file(block)
            elif self.fits(block):
                self._file.write(block)
            else:
                self._to_file()
                self._write_file(block)
        except OSError as error:
            raise SpoolFullError from error
        self.size += len(block)

    def file(self) -> BinaryIO:
        """Return the body, positioned at its start."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Drop the body and release its space."""
        self._file.close()
        self._spool.give_back(self._taken)
        self._taken = 0

    def _to_file(self) -> None:
        begun = self.file().read()
        self._file = self._spool.open()
        self._spool.check_room()
        self._write_file(begun)

    def _write_file(self, block: bytes) -> None:
        self._spool.take(len(block))
        self._taken += len(block)
        self._unchecked += len(block)
        if self._unchecked > CHECK_BYTES:
            self._unchecked = 0
            self._spool.check_room()
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
