"""A disk that a test can fill."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

BLOCK = 4096


class SmallDisk:
    """A separate file system that only the product uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @contextmanager
    def full(self) -> Iterator[None]:
        """Keep the disk full during the block: whatever the product frees is taken."""
        is_over = threading.Event()
        thread = threading.Thread(target=self._keep_full, args=(is_over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join(10)
            self._filler.unlink()

    def _keep_full(self, is_over: threading.Event) -> None:
        with self._filler.open("ab", buffering=0) as file:
            while True:
                with suppress(OSError):
                    while True:
                        file.write(bytes(64 * BLOCK))
                if is_over.wait(0.01):
                    return


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of this size there; skip the test where mounting is not possible."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"no disk of its own can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False)
