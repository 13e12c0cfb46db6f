"""What differs between two versions: blocks of documents, or lines of code."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

MAX_LINES = 3_000
"""Number of lines of either text up to which they are compared."""
MAX_SHOWN = 300
"""Longest line that is shown, in characters."""
CONTEXT_LINES = 3
_ID = re.compile(r"[a-z0-9]{4,16}")
_PARTS = ("rows", "columns", "blocks")


@dataclass(frozen=True, slots=True)
class BlockChanges:
    """Ids of the blocks that are only in one version, and of those that were changed or moved."""

    removed: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """The number of changes."""
        return len(self.removed) + len(self.added) + len(self.changed)


def block_changes(old: str, new: str) -> BlockChanges:
    """Compare two documents by the ids of their blocks."""
    before, after = _blocks(old), _blocks(new)
    common = before.keys() & after.keys()
    changed = {one for one in common if before[one] != after[one]}
    return BlockChanges(
        frozenset(before.keys() - common),
        frozenset(after.keys() - common),
        frozenset(changed | _moved(list(before), list(after), common)),
    )


def _blocks(document: str) -> Mapping[str, Any]:
    """Return each block without the blocks in it, by id, in the order in which they are read."""
    try:
        return dict(_walk(json.loads(document)))
    except (ValueError, RecursionError):
        return {}


def _walk(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _walk(one)
    elif isinstance(value, dict):
        block_id = value.get("id")
        if isinstance(block_id, str) and _ID.fullmatch(block_id):
            yield block_id, {name: one for name, one in value.items() if name not in _PARTS}
        for name in _PARTS:
            yield from _walk(value.get(name))


def _moved(before: list[str], after: list[str], common: Any) -> set[str]:
    before, after = ([one for one in ids if one in common] for ids in (before, after))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    stayed = {
        one
        for start, _, length in matcher.get_matching_blocks()
        for one in before[start : start + length]
    }
    return set(before) - stayed


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a comparison. `number`: in the new text, or in the old one if it was removed."""

    kind: Literal["same", "removed", "added", "gap"]
    number: int = 0
    text: str = ""


def line_changes(old: str, new: str) -> Sequence[DiffLine] | None:
    """Compare two texts line by line; None if they are too long for that."""
    before, after = old.splitlines(), new.splitlines()
    if max(len(before), len(after)) > MAX_LINES:
        return None
    found: list[DiffLine] = []
    for group in SequenceMatcher(None, before, after).get_grouped_opcodes(CONTEXT_LINES):
        if found:
            found.append(DiffLine("gap"))
        for what, start, end, new_start, new_end in group:
            if what == "equal":
                found += _lines("same", after, new_start, new_end)
                continue
            found += _lines("removed", before, start, end)
            found += _lines("added", after, new_start, new_end)
    return found


def _lines(
    kind: Literal["same", "removed", "added"], texts: list[str], start: int, end: int
) -> Iterator[DiffLine]:
    for index in range(start, end):
        text = texts[index]
        yield DiffLine(kind, index + 1, text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…")
