"""The journal of a claim: what was begun and what was answered, on disk before anything else.

One file per claim, named by its token. It is made before the claim is committed and removed
after the outcomes are. Its first line names this run of the machine; then there are two kinds
of lines: `I <delivery>` before a body is written, and `R <delivery> <facts>` when the answer is
known. After a crash the file tells the three fates apart: no line = not begun, `I` alone =
unknown, `R` = known.

Lines reach the kernel before a call returns, not the disk: a killed process loses none, a power
cut may. So what lay open when the machine went down is never taken for "not begun".

The writer holds a lock on the file while it lives, so that nobody takes the journal of a
working process for an orphan.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from campaigns.clock import boot_id
from campaigns.messages import SendResult

SUFFIX = ".journal"


class Journal:
    """The open journal of one claim. Appends reach the kernel before the call returns."""

    def __init__(self, folder: Path, token: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{token}{SUFFIX}"
        # Locked under another name first: no moment in which it looks like an orphan.
        unborn = folder / f"{token}.new"
        self._fd = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._write(b"B %s\n" % boot_id().encode())
        unborn.rename(self._path)

    def intent(self, delivery_id: int) -> None:
        """The body of this delivery is about to be written. Raises OSError: then do not send."""
        self._write(b"I %d\n" % delivery_id)

    def reply(self, result: SendResult) -> None:
        """The fate of this delivery is known."""
        facts = json.dumps([result.outcome, result.code, result.scope, result.step, result.reply])
        self._write(b"R %d %s\n" % (result.delivery_id, facts.encode()))

    def _write(self, line: bytes) -> None:
        if os.write(self._fd, line) != len(line):
            raise OSError("the journal took only part of a line: the disk may be full")

    def remove(self) -> None:
        """Everything in it is committed."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(slots=True)
class Story:
    """What a journal tells: deliveries begun, and results known (by delivery id)."""

    begun: set[int] = field(default_factory=set)
    results: dict[int, SendResult] = field(default_factory=dict)
    is_whole: bool = True
    """False: written before the machine went down, so its last lines may be missing."""

    @property
    def unknown(self) -> set[int]:
        return self.begun - self.results.keys()


def read(path: Path) -> Story:
    """The story of a journal. A last line cut short by a crash counts as not written."""
    story = Story()
    for line in path.read_bytes().split(b"\n")[:-1]:
        kind, _, rest = line.partition(b" ")
        if kind == b"I":
            story.begun.add(int(rest))
        elif kind == b"R":
            number, _, text = rest.partition(b" ")
            outcome, code, scope, step, reply = json.loads(text)
            story.results[int(number)] = SendResult(int(number), outcome, reply, code, scope, step)
        elif kind == b"B":
            story.is_whole = rest.decode() == boot_id()
    return story


@contextmanager
def adopt(path: Path) -> Iterator[bool]:
    """Take over an orphaned journal; gives False while its writer lives or another adopts it."""
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
        # Whoever adopted it before us may have finished and removed it in between.
        yield path.exists()
    finally:
        os.close(handle)


def orphans(folder: Path) -> list[Path]:
    """Every journal in the folder; `adopt` tells which are really orphans."""
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def token_of(path: Path) -> str:
    return path.name.removesuffix(SUFFIX)
