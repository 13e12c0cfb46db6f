"""What another release stored is read: unknown fields are ignored, missing ones are as usual."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from campaigns.content.brand_style import DARK, LIGHT, BrandStyle, stored_style
from campaigns.content.library import stored_context
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, MediaFile, SourceContext
from campaigns.stored import from_stored

BASE_URL = "https://news.example.org"


def test_a_brand_keeps_everything_that_is_known_here() -> None:
    stored: dict[str, Any] = BrandStyle(logo_alt="Harbour", font_size=18).model_dump(mode="json")
    stored["shadow"] = "soft"
    stored["light"]["glow"] = "#ffffff"
    del stored["dark"]["border"]
    del stored["button_radius"]
    style = stored_style(stored)
    assert (style.logo_alt, style.font_size, style.button_radius) == ("Harbour", 18, 6)
    assert (style.light, style.dark) == (LIGHT, DARK)


def test_only_the_unreadable_part_of_a_brand_is_as_usual() -> None:
    light = {**LIGHT.model_dump(), "accent": "#111111"}
    style = stored_style({"logo_alt": "Harbour", "body_font": "papyrus", "light": light})
    assert (style.logo_alt, style.body_font, style.light.accent) == ("Harbour", "sans", "#111111")


@pytest.mark.parametrize("stored", [None, [], "text", {"light": 3, "social": "none"}])
def test_a_brand_that_is_none_is_the_usual_one(stored: object) -> None:
    assert stored_style(stored) == BrandStyle()


def test_input_for_a_brand_stays_strict() -> None:
    with pytest.raises(ValidationError):
        BrandStyle.model_validate({"shadow": "soft"})


def test_frozen_content_of_another_release_is_read() -> None:
    file = MediaFile("/media/abc.png", 10, 10)
    context = SourceContext(brand=BrandStyle(logo_alt="Harbour"), media={"abc": file})
    stored = stored_context.to_json(context)
    stored["brand"]["shadow"] = "soft"
    stored["media"]["abc"]["focus"] = [1, 2]
    stored["later"] = {}
    del stored["snippets"], stored["saved_blocks"], stored["language"]
    found = stored_context.from_json(stored, base_url=BASE_URL)
    assert (found.brand.logo_alt, found.language, found.snippets) == ("Harbour", "en", {})
    assert found.media["abc"].url == f"{BASE_URL}/media/abc.png"
    assert stored_context.from_json({}, base_url=BASE_URL).brand == BrandStyle()


def test_an_unknown_field_of_a_block_is_a_problem_until_the_launch() -> None:
    inline = {"type": "text", "text": "Hello"}
    content = {"type": "doc", "content": [{"type": "paragraph", "content": [inline]}]}
    heading = {"id": "head1", "type": "heading", "content": content, "sparkle": True}
    section = {"id": "sect1", "type": "section", "columns": [{"id": "col1", "blocks": [heading]}]}
    source = ContentSource("blocks", json.dumps({"version": 1, "rows": [section]}))
    draft = compile_source(source, SourceContext())
    assert [one.reason.code for one in draft.problems] == ["blocks.unknown_field"]
    assert not compile_source(source, SourceContext(is_frozen=True)).problems


def test_a_saved_block_of_another_release_is_shown() -> None:
    column = {"id": "col1", "blocks": [], "sparkle": True}
    rows = [{"type": "saved", "id": "saved1", "saved": "abc"}]
    source = ContentSource("blocks", json.dumps({"version": 1, "rows": rows}))
    saved: list[dict[str, object]] = [{"id": "sect1", "type": "section", "columns": [column]}]
    assert not compile_source(source, SourceContext(saved_blocks={"abc": saved})).problems


def test_a_dataclass_takes_only_its_own_fields() -> None:
    found = from_stored(MediaFile, {"url": "/a", "width": 1, "height": 2, "focus": 3})
    assert found == MediaFile("/a", 1, 2)
