"""Bad documents are refused with the block and the field at fault, and never raise."""

import json
from typing import Any

import pytest

from campaigns.content.sources.blocks.document import MAX_BLOCKS
from campaigns.content.sources.blocks.parse import MAX_DOCUMENT, parse
from campaigns.wording import Words
from tests.content.sources.blocks.documents import block, document, rich, section


def said(text: str) -> list[tuple[str, str]]:
    """Return the block and the sentence of each problem."""
    found, problems = parse(text)
    assert (found is None) == bool(problems)
    assert all(problem.blocks for problem in problems)
    return [(one.block, Words().sentence(one.reason.code, one.reason.params)) for one in problems]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The content is not valid JSON"),
        ("<p>Hello</p>", "The content is not valid JSON"),
        ('{"version": 1, "rows": [}', "The content is not valid JSON"),
        (f'{{"width": 1{"0" * 5_000}}}', "The content is not valid JSON"),
        ("[]", "The content is not a block document"),
        ("[" * 100_000, "The document is nested too deeply"),
        ('{"rows": ' + '[{"columns": ' * 40_000, "The document is nested too deeply"),
        ('{"version": 2, "rows": [{"type": "hologram"}]}', "newer version of Campaigns"),
        (f'{{"rows": [], "background": "{"x" * MAX_DOCUMENT}"}}', "larger than 1,024 KB"),
        ('{"rows": 3}', "The field rows of the block “document” cannot be 3"),
        ('{"rows": [], "width": "wide"}', "The field width of the block “document”"),
        ('{"rows": [3]}', "The field rows.0 of the block “document” cannot be 3"),
        ('{"rows": [{}]}', "has no type"),
        ('{"rows": [], "theme": 1}', "The block “document” has no field theme"),
    ],
)  # fmt: skip
def test_what_is_no_document_says_why(text: str, sentence: str) -> None:
    [(_, found)] = said(text)
    assert sentence in found


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (block("hologram"), "There is no block of the type “hologram”"),
        (block("image", width="9 px"), "The field width of the block “image” cannot be 9 px"),
        (block("image", height=9), "The block “image” has no field height"),
        (block("heading"), "The block “heading” has no field content"),
        (block("button", label="x" * 2_001), "label of the block “button” has more than 2,000"),
        (block("text", content=rich("a"), when={"kind": "field", "field": "x", "op": "like"}),
         "The field when.op of the block “text” cannot be like"),
        (block("social", entries=[{"network": "x"}]), "“social” has no field entries.0.url"),
        (block("button", label="a\0b"), "The block “button” has a character"),
        (block("text", content=rich("a\ud800b")), "The block “text” has a character"),
        (block("image", alt="\udfff"), "The block “image” has a character"),
        (block("text", content=[]), "The field content of the block “text” cannot be []"),
    ],
)  # fmt: skip
def test_a_block_that_cannot_be_read_is_named(row: dict[str, Any], sentence: str) -> None:
    for inner in ({**row, "id": "bad0"}, block("repeat", blocks=[{**row, "id": "bad0"}])):
        [(at, found)] = said(json.dumps(document(section(inner))))
        assert at == "bad0"
        assert sentence in found


def test_a_column_that_cannot_be_read_is_named() -> None:
    row = {"type": "section", "columns": [{"id": "col0", "width": 101}]}
    [(at, sentence)] = said(json.dumps(document(row)))
    assert at == "col0"
    assert "The field width of the block “column” cannot be 101" in sentence


def test_every_problem_is_reported_at_once() -> None:
    rows = [section(block("image", width=-1)), section(block("spacer", height=1))]
    assert len(said(json.dumps(document(*rows)))) == 2


def test_two_blocks_with_one_id_are_refused() -> None:
    same = [block("spacer", id="same"), section(id="same")]
    [(at, sentence)] = said(json.dumps(document(*same)))
    assert at == "same"
    assert "Two blocks have the id same" in sentence


def test_the_number_of_blocks_is_limited() -> None:
    most = section(*[block("spacer")] * MAX_BLOCKS)
    assert parse(json.dumps(document(most)))[0] is not None
    [(_, sentence)] = said(json.dumps(document(most, block("spacer"))))
    assert "more than 600 blocks" in sentence
    [(_, sentence)] = said(json.dumps(document(*[section()] * (MAX_BLOCKS + 1))))
    assert "more than 600 entries" in sentence
