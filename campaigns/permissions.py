"""Keep files readable only by their owner.

The data directory contains addresses, email, keys and passwords. Every entry point sets the umask,
so new files are private; files that an earlier version left open are closed at the start.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

UMASK = 0o077
OTHERS = 0o077
"""Permission bits of the group and of everyone else."""
_NOT_ENTERED = frozenset({"postgres"})
"""PostgreSQL protects its own folder."""
_OF_OTHER_THINGS = (".git", "pyproject.toml", ".ssh", ".profile", ".bashrc")


def make_private() -> None:
    """Make all new files of this process and its children readable by this user only."""
    os.umask(UMASK)


@dataclass(frozen=True, slots=True)
class Closed:
    """`closed`: paths that others could read before. `open`: paths that others still can read."""

    closed: tuple[Path, ...] = ()
    open: tuple[Path, ...] = ()

    def words(self) -> str:
        """Return the findings and changes in a sentence; empty if there are none."""
        if self.open:
            return f"Others on this machine can still read {_named(self.open)}."
        if self.closed:
            return (
                f"Others on this machine could read {_named(self.closed)}. Now only this user can."
            )
        return ""


MAX_NAMED = 3


def _named(paths: Sequence[Path]) -> str:
    names = ", ".join(str(path) for path in paths[:MAX_NAMED])
    more = len(paths) - MAX_NAMED
    return f"{names} and {more} more" if more > 0 else names


def close_to_others(folder: Path, *files: Path) -> Closed:
    """Remove all permissions of others from this folder, all below it, and these files.

    In a folder with other contents (a home, a checkout), changes only `files` and our files at its
    top. Does not follow symbolic links.
    """
    closed: list[Path] = []
    still_open: list[Path] = []
    for path in (*_entries(folder), *files):
        with contextlib.suppress(FileNotFoundError):
            if not is_open_to_others(path):
                continue
            with contextlib.suppress(PermissionError):
                path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~OTHERS)
            (still_open if is_open_to_others(path) else closed).append(path)
    return Closed(tuple(closed), tuple(still_open))


def is_open_to_others(path: Path) -> bool:
    """Return whether others have any permission; symbolic links never count."""
    mode = path.lstat().st_mode
    return not stat.S_ISLNK(mode) and bool(stat.S_IMODE(mode) & OTHERS)


def is_shared(folder: Path) -> bool:
    """Return whether this folder contains more than our data."""
    folder = folder.resolve()
    is_special = folder in {Path("/"), Path("/tmp"), Path.home()}  # noqa: S108
    return is_special or any((folder / name).exists() for name in _OF_OTHER_THINGS)


def weak_parent(folder: Path) -> Path | None:
    """Return the parent folder in which others could replace this one, if any."""
    for parent in folder.resolve().parents:
        found = parent.stat()
        is_theirs = found.st_uid not in {0, os.geteuid()}
        anybody_writes = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        if is_theirs or anybody_writes:
            return parent
    return None


_OWN_FILES = (
    "campaigns.sqlite3*",
    "mailbox.sqlite3*",
    "secret.key",
    "kv.log",
    "up.*",
    "mailbox.port",
)
_OWN_FOLDERS = ("journal", "media", "uploads", "kv", "postgres")


def _entries(folder: Path) -> Iterator[Path]:
    if is_shared(folder):
        for pattern in _OWN_FILES:
            yield from folder.glob(pattern)
        for name in _OWN_FOLDERS:
            yield from _below(folder / name)
        return
    yield from _below(folder)


def _below(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for parent, folders, names in os.walk(folder):
        yield Path(parent)
        yield from (Path(parent, name) for name in names)
        if Path(parent) == folder:
            yield from (folder / name for name in folders if name in _NOT_ENTERED)
            folders[:] = [name for name in folders if name not in _NOT_ENTERED]
