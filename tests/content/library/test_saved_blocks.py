"""Saved blocks: rows that the block editor can read, under a name."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from campaigns.content.library import saved_blocks
from campaigns.content.library.saved_blocks import SavedBlockConflictError, SavedBlockError
from campaigns.db import db, transaction
from tests.factories import a_saved_block

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SPACER = {"type": "spacer", "id": "spac1", "height": 8}


def section(*blocks: object, **more: Any) -> dict[str, Any]:
    return {"type": "section", "columns": [{"blocks": list(blocks)}], **more}


def nested(depth: int) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "doc"}
    for _ in range(depth):
        text = {"type": "doc", "content": [text]}
    return section({"type": "text", "content": text})


def test_rows_are_saved_with_ids_and_offered_to_the_editor(app: Flask) -> None:
    with transaction():
        saved = saved_blocks.create(" Gap\n", [section(SPACER)], now=NOW)
        a_saved_block("A first one")
    (first, second) = saved_blocks.offered()
    assert (first["name"], second["name"], second["id"]) == ("A first one", "Gap", saved.public_id)
    (row,) = second["rows"]
    assert row["columns"][0]["blocks"][0]["height"] == 8
    assert len(row["id"]) >= 4
    assert saved_blocks.checked_rows(second["rows"]) == second["rows"]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "bad_rows"),
        ("text", "bad_rows"),
        (None, "bad_rows"),
        ([section(SPACER)] * 51, "bad_rows"),
        ([section({"type": "spacer", "height": 8, "onclick": "x"})], "bad_rows"),
        ([{"type": "saved", "saved": "abcdefghijkl"}], "bad_rows"),
        ([{"type": "footer"}], "bad_rows"),
        ([nested(5000)], "rows_too_deep"),
        ([section({"type": "html", "code": "a\x00b"})], "bad_characters"),
        ([section({"type": "html", "code": "\ud800"})], "bad_"),
        ([section({"type": "html", "code": "x" * 190_000})] * 2, "rows_too_large"),
    ],
)
def test_rows_that_cannot_be_a_block_are_refused(app: Flask, rows: object, code: str) -> None:
    with pytest.raises(SavedBlockError, match=code), transaction():
        saved_blocks.create("Bad", rows, now=NOW)
    assert saved_blocks.offered() == []


def test_a_saved_block_is_renamed_changed_and_deleted(app: Flask) -> None:
    with transaction():
        saved = a_saved_block("Offer")
        saved_blocks.rename(saved.id, "Deal", now=NOW)
        assert saved_blocks.save(saved.id, 1, [section(SPACER)], now=NOW) == 2
    found = saved_blocks.find(saved.public_id)
    assert found is not None
    assert (found.name, found.version, len(found.rows)) == ("Deal", 2, 1)
    with pytest.raises(SavedBlockConflictError), transaction():
        saved_blocks.save(saved.id, 1, [section(SPACER)], now=NOW)
    with transaction():
        saved_blocks.delete(saved.id)
    with pytest.raises(SavedBlockError, match="saved_block_gone"), transaction():
        saved_blocks.save(saved.id, 2, [section(SPACER)], now=NOW)
    with pytest.raises(SavedBlockError, match="saved_block_gone"), transaction():
        saved_blocks.rename(saved.id, "x", now=NOW)


def test_saved_blocks_are_found_by_name(app: Flask) -> None:
    with transaction():
        a_saved_block("50% off")
        a_saved_block("Other")
    assert [one.name for one in db.session.scalars(saved_blocks.matching("0%"))] == ["50% off"]
