"""docs/blocks.md and its schema describe the documents that are accepted."""

import json
import re

from pydantic import BaseModel

from campaigns.content.sources.blocks import document
from campaigns.content.sources.blocks.document import Document
from campaigns.content.sources.blocks.parse import parse
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, SourceContext
from campaigns.paths import resource_root

DOCS = resource_root() / "docs"
PAGE = (DOCS / "blocks.md").read_text("utf-8")
MODELS = [
    model
    for model in vars(document).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel
]


def test_every_block_and_field_is_named() -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    fields = {name for model in MODELS for name in model.model_fields}
    types = re.findall(r'"const": "(\w+)"', json.dumps(Document.model_json_schema()))
    assert len(types) > 15
    assert {*fields, *types} - named == set()


def test_the_schema_is_that_of_the_models() -> None:
    stored = json.loads((DOCS / "blocks.schema.json").read_text("utf-8"))
    assert stored == Document.model_json_schema()


def test_the_example_compiles_without_problems() -> None:
    [example] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert parse(example)[1] == []
    page = compile_source(ContentSource("blocks", example), SourceContext())
    assert page.problems == ()
    assert 'Good to see you, {{ subscriber.first_name or "friend" }}' in page.html
