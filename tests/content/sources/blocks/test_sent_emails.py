"""A document as its recipient gets it."""

import json
from typing import Any

from campaigns.content.mime.compile import compile_content
from campaigns.content.sources.source import ContentSource, SourceContext
from tests.content.samples import SIGNER, a_content, a_recipient
from tests.content.sources.blocks.documents import Json, block, document, rich, section


def shown(*rows: Json, **attributes: Any) -> tuple[str, str]:
    """Return HTML and text for a recipient with these attributes."""
    source = ContentSource("blocks", json.dumps(document(*rows)))
    content = a_content(source=source, context=SourceContext(base_url="https://news.example.org"))
    found = compile_content(content, SIGNER).preview(a_recipient(**attributes))
    return found.html, found.text


def test_both_parts_have_one_footer() -> None:
    html, text = shown(block("text", content=rich("Hello")))
    for part in (html, text):
        assert part.count("Unsubscribe") == 1
        assert part.count("View in browser") == 1
        assert part.count("Example Ltd") == 1
        assert part.count("1 Example Road") == 1
        assert part.count("because you are subscribed to Weekly") == 1


def test_each_recipient_sees_the_blocks_that_are_meant_for_them() -> None:
    city = {"kind": "field", "field": "subscriber.city", "value": "Hamburg"}
    orders = {"kind": "field", "field": "subscriber.orders", "value": "10"}
    rows = [
        section(block("text", content=rich("Moin"), when={**city, "op": "is"})),
        section(block("text", content=rich("Greetings")), when={**city, "op": "is_not"}),
        block("text", content=rich("Many orders"), when={**orders, "op": "at_least"}),
        block("text", content=rich("No city"), when={**city, "op": "no_value"}),
    ]
    for part in shown(*rows, city="Hamburg", orders=12):
        assert "Moin" in part
        assert "Many orders" in part
        assert "Greetings" not in part
        assert "No city" not in part
    for part in shown(*rows, orders="9"):
        assert "Greetings" in part
        assert "No city" in part
        assert "Moin" not in part
        assert "Many orders" not in part


def test_a_list_shows_each_item_up_to_its_limit() -> None:
    inner = block("text", content=rich("Item {{ item }}!"))
    row = block("repeat", each="subscriber.products", limit=2, blocks=[inner])
    for part in shown(row, products=["<Cup>", "Bag", "Tin"]):
        assert "Bag!" in part
        assert "Tin" not in part
        assert part.index("Cup") < part.index("Bag")
    assert "Item &lt;Cup&gt;!" in shown(row, products=["<Cup>"])[0]
    assert "Item" not in shown(row)[0]


def test_an_email_of_500_blocks_can_be_sent() -> None:
    blocks = [block("text", content=rich(f"Text {number}")) for number in range(500)]
    rows = [section(*blocks[start : start + 4]) for start in range(0, 500, 4)]
    html, text = shown(*rows)
    assert "Text 499" in html
    assert "Text 499" in text
