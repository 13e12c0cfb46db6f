"""Measure compiling block documents to HTML, for sending and for the editor."""

import json
import time
from typing import Any

from campaigns.content.sources.blocks.compile import compile_blocks
from campaigns.content.sources.source import ContentSource, SourceContext

RUNS = 5
_WORDS = "Roasted on Monday: plum, cocoa and a long sweet finish that stays with you. " * 3
_LINK = "https://shop.example/bag"


def measure(runs: int = RUNS) -> dict[str, float]:
    """Return the least milliseconds of CPU for an ordinary and for a very long document."""
    for_sending, for_editing = SourceContext(), SourceContext(is_canvas=True)
    return {
        "compile_40_blocks_ms": _milliseconds(40, for_sending, runs),
        "compile_500_blocks_ms": _milliseconds(500, for_sending, runs),
        "canvas_40_blocks_ms": _milliseconds(40, for_editing, runs),
    }


def _milliseconds(count: int, context: SourceContext, runs: int) -> float:
    source = ContentSource("blocks", json.dumps({"rows": _rows(count)}))
    best = float("inf")
    for _ in range(runs):
        begun = time.process_time()
        compile_blocks(source, context)
        best = min(best, time.process_time() - begun)
    return best * 1_000


def _rows(count: int) -> list[dict[str, Any]]:
    blocks = (_KINDS * (count // len(_KINDS) + 1))[:count]
    return [
        {"type": "section", "columns": [{"blocks": blocks[start : start + 5]}]}
        for start in range(0, count, 5)
    ]


def _rich(text: str) -> dict[str, Any]:
    runs = [
        {"type": "text", "text": text},
        {"type": "mergeTag", "attrs": {"tag": "subscriber.first_name", "fallback": "friend"}},
    ]
    return {"type": "doc", "content": [{"type": "paragraph", "content": runs}]}


_KINDS: list[dict[str, Any]] = [
    {"type": "heading", "content": _rich("The winter roast, ")},
    {"type": "text", "content": _rich(_WORDS)},
    {"type": "image", "src": f"{_LINK}.jpg", "alt": "Bag of coffee", "link": _LINK},
    {"type": "button", "label": "Order", "link": _LINK},
    {"type": "product", "title": "Bag", "price": "€ 9", "label": "Buy", "link": _LINK},
    {"type": "quote", "content": _rich(_WORDS), "author": "A guest"},
    {"type": "divider"},
    {"type": "spacer"},
]
