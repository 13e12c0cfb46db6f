"""What differs between two versions: blocks by their ids, code by its lines."""

import json
from typing import Any

from campaigns.content.library.differences import (
    MAX_LINES,
    BlockChanges,
    block_changes,
    line_changes,
)


def spacer(block_id: str, height: int = 8) -> dict[str, Any]:
    return {"type": "spacer", "id": block_id, "height": height}


def document(*rows: list[dict[str, Any]]) -> str:
    sections = [
        {"id": f"sec{number}", "columns": [{"id": f"col{number}", "blocks": blocks}]}
        for number, blocks in enumerate(rows)
    ]
    return json.dumps({"version": 1, "rows": sections})


def test_added_removed_and_changed_blocks_are_told_apart() -> None:
    old = document([spacer("one1"), spacer("two2"), spacer("gone")])
    new = document([spacer("one1"), spacer("two2", 9), spacer("new1")])
    found = block_changes(old, new)
    assert found == BlockChanges(frozenset({"gone"}), frozenset({"new1"}), frozenset({"two2"}))
    assert found.count == 3
    assert block_changes(old, old) == BlockChanges()


def test_a_section_is_not_changed_by_what_is_in_it() -> None:
    found = block_changes(document([spacer("one1")]), document([spacer("one1", 9)]))
    assert found.changed == {"one1"}


def test_a_moved_block_is_a_change() -> None:
    blocks = [spacer("one1"), spacer("two2"), spacer("thr3")]
    found = block_changes(document(blocks), document([blocks[2], blocks[0], blocks[1]]))
    assert found == BlockChanges(changed=frozenset({"thr3"}))


def test_what_is_no_document_has_no_blocks() -> None:
    for text in ("", "<p>", "[]", "3", '{"rows": 1}', '{"rows":[{"id":"}{style"}]}', "[" * 99_999):
        assert block_changes(text, text) == BlockChanges()


def test_changed_lines_are_shown_with_a_few_around_them() -> None:
    old = "\n".join(f"line {number}" for number in range(1, 31))
    new = old.replace("line 10\n", "line ten\n").replace("line 29", "line 29\nmore")
    found = line_changes(old, new)
    assert found is not None
    assert [(line.kind, line.number, line.text) for line in found if line.kind != "same"] == [
        ("removed", 10, "line 10"),
        ("added", 10, "line ten"),
        ("gap", 0, ""),
        ("added", 30, "more"),
    ]
    assert line_changes(old, old) == []


def test_long_lines_are_shortened_and_long_texts_are_not_compared() -> None:
    (removed, added) = line_changes("x" * 40_000, "y" * 40_000) or ()
    assert (removed.text, added.text) == ("x" * 300 + "…", "y" * 300 + "…")
    assert line_changes("a\n" * (MAX_LINES + 1), "a") is None
