"""Blocks with conditions by segment and repeated for the items of a data feed."""

from typing import Any

from campaigns.content.mime.compile import compile_content
from campaigns.content.sources.blocks.document import Document
from campaigns.content.sources.source import ContentSource
from tests.content.samples import SIGNER, a_content, a_recipient


def _heading(text: str, **values: Any) -> dict[str, Any]:
    line = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {"type": "heading", "content": {"type": "doc", "content": [line]}, **values}


def test_a_block_is_for_a_segment_and_another_repeats_the_items_of_the_feed() -> None:
    members = {"kind": "segment", "segment": "abc", "is_in": True}
    button = {"type": "button", "label": "{{ item.name }}", "link": "https://shop.example/"}
    blocks = [
        _heading("For members", when=members),
        {"type": "repeat", "each": "feed.items", "blocks": [button]},
    ]
    rows = [{"type": "section", "columns": [{"blocks": blocks}]}, {"type": "footer"}]
    source = Document.model_validate({"rows": rows}).model_dump_json()
    feed = {"items": [{"name": "Roast"}, {"name": "Mug"}]}
    content = a_content(
        source=ContentSource("blocks", source), feed=feed, known_segments=frozenset({"abc"})
    )
    compiled = compile_content(content, SIGNER)
    assert compiled.segments == ("abc",)
    others = compiled.preview(a_recipient()).html
    assert "For members" not in others
    assert "Roast" in others
    assert "Mug" in others
