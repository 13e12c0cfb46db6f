"""What stands in for images that are still to be chosen, and for a missing logo."""

import json

from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext
from campaigns.content.targets import is_placeholder

CONTEXT = SourceContext(base_url="https://news.harbour.example")


def compiled(*blocks: dict[str, object]) -> CompiledPage:
    row = {"type": "section", "columns": [{"blocks": blocks}]}
    return compile_source(ContentSource("blocks", json.dumps({"rows": [row]})), CONTEXT)


def test_a_placeholder_is_an_image_of_this_installation_that_a_review_finds() -> None:
    page = compiled({"type": "image", "src": "placeholder:hills", "alt": "Hills"})
    url = "https://news.harbour.example/static/img/placeholder/hills.png"
    assert f'src="{url}"' in page.html
    assert page.problems == ()
    assert is_placeholder(url)


def test_a_placeholder_cannot_name_another_file() -> None:
    page = compiled({"type": "image", "src": "placeholder:../secret", "alt": "x"})
    assert [one.reason.code for one in page.problems] == ["blocks.unsafe_image"]


def test_without_a_logo_the_sender_is_named() -> None:
    page = compiled({"type": "logo"})
    assert "{{ sender.identity }}</div>" in page.html
    assert page.problems == ()
