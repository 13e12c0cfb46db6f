"""The journal of a claim: bodies begun and replies received, written before anything else.

There is one file per claim, named after its token. It is created before the claim is committed and
deleted after the outcomes are. The first line contains the machine's boot id. Then `I <delivery>`
is written before a body, and `R <delivery> <facts>` when the reply is known. `P <delivery>` revokes
an intent: the server ended the session without accepting the message. After a crash: no line means
not begun, `I` alone means unknown, `R` means known.

The file is memory-mapped: a line is visible to other processes once it is copied, without a system
call for each of two million lines, and a killed process loses none. A power cut may lose lines, so
deliveries that were open when the machine went down are never taken for "not begun". Blocks are
reserved ahead, so a full disk shows while there is still time to stop.

The writer holds a lock on the file, so that the journal of a running process is not taken for an
orphan.
"""

import fcntl
import json
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from campaigns.clock import boot_id
from campaigns.messages import SendResult

SUFFIX = ".journal"
RESERVED_BYTES = 256 * 1024
"""Space for about a thousand deliveries; more is reserved when it is used up."""


class Journal:
    """The open journal of one claim. Used by one thread at a time."""

    def __init__(self, folder: Path, token: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{token}{SUFFIX}"
        # Locked under another name first, so that it never looks like an orphan.
        temporary = folder / f"{token}.new"
        self._fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._end = 0
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            self._map = _reserve(self._fd, 0)
            self._write(b"B %s\n" % boot_id().encode())
            temporary.rename(self._path)
        except BaseException:
            os.close(self._fd)
            temporary.unlink(missing_ok=True)
            raise

    def intent(self, delivery_id: int) -> None:
        """Note that the body of this delivery is about to be written.

        Raises OSError: do not send.
        """
        self._write(b"I %d\n" % delivery_id)

    def reply(self, result: SendResult) -> None:
        """Note the outcome of this delivery."""
        facts = _facts(result.outcome, result.code, result.scope, result.step, result.reply)
        self._write(b"R %d %b\n" % (result.delivery_id, facts))

    def revoke(self, delivery_id: int) -> None:
        """Note that the server has not accepted this delivery, so it may be offered again."""
        self._write(b"P %d\n" % delivery_id)

    def _write(self, line: bytes) -> None:
        end = self._end + len(line)
        if end > len(self._map):
            self._map = _reserve(self._fd, len(self._map))
        self._map[self._end : end] = line
        self._end = end

    def remove(self) -> None:
        """Delete the file, once everything in it is committed."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the file, which stays on disk."""
        if self._fd >= 0:
            self._map.close()
            os.close(self._fd)
            self._fd = -1


def _reserve(fd: int, size: int) -> mmap.mmap:
    """Extend the file and map it again. Raises OSError if the disk is full."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, size, RESERVED_BYTES)
    else:
        os.pwrite(fd, bytes(RESERVED_BYTES), size)
    return mmap.mmap(fd, size + RESERVED_BYTES)


@lru_cache(maxsize=256)
def _facts(*facts: str | int) -> bytes:
    """Encode a result. Cached: many servers give everyone the same reply."""
    return json.dumps(facts).encode()


@dataclass(slots=True)
class JournalContents:
    """The contents of a journal: deliveries begun, and known results by delivery id."""

    begun: set[int] = field(default_factory=set)
    results: dict[int, SendResult] = field(default_factory=dict)
    is_whole: bool = True
    """False: written before a reboot, so its last lines may be missing."""

    @property
    def unknown(self) -> set[int]:
        """Return the deliveries that were begun and have no result."""
        return self.begun - self.results.keys()


def read(path: Path) -> JournalContents:
    """Read a journal. A last line cut short by a crash counts as not written."""
    found = JournalContents()
    for line in path.read_bytes().rstrip(b"\0").split(b"\n")[:-1]:
        if b"\0" in line:
            continue  # an incomplete last line
        kind, _, rest = line.partition(b" ")
        if kind == b"I":
            found.begun.add(int(rest))
            found.results.pop(int(rest), None)  # it was released and started again
        elif kind == b"R":
            number, _, text = rest.partition(b" ")
            outcome, code, scope, step, reply = json.loads(text)
            found.results[int(number)] = SendResult(int(number), outcome, reply, code, scope, step)
        elif kind == b"P":
            found.begun.discard(int(rest))
            found.results.pop(int(rest), None)
        elif kind == b"B":
            found.is_whole = rest.decode() == boot_id()
    return found


@contextmanager
def adopt(path: Path) -> Iterator[bool]:
    """Take over an orphaned journal. False: its writer is alive, or another worker adopts it."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        # Another worker may have adopted, finished and removed it in between.
        yield path.exists()
    finally:
        os.close(handle)


def orphans(folder: Path) -> list[Path]:
    """Return every journal in the folder; `adopt` finds out which are orphans."""
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def token_of(path: Path) -> str:
    """Return the claim token in the name of a journal's file."""
    return path.name.removesuffix(SUFFIX)
