"""The form of a brand: every text is checked, and what is hard to read is named."""

import pytest

from campaigns.content.brand_style import BrandStyle, SocialLink, stored_style
from campaigns.content.library.brand_input import (
    BrandInput,
    low_contrasts,
    style_from,
    texts_of,
    web_address,
)

TEXTS = texts_of(BrandStyle())


def test_a_style_survives_the_form() -> None:
    style = BrandStyle(
        logo="media:abcdef012345",
        logo_width=90,
        footer="Roasted by the harbour\nsince 1998",
        social=(SocialLink(network="email", url="mailto:hello@example.com"),),
    )
    assert style_from(texts_of(style)) == (style, {})


def test_short_colours_and_addresses_without_scheme_are_completed() -> None:
    typed = TEXTS | {
        "light_accent": " 0A8 ",
        "logo_link": "www.example.com/shop",
        "social_email": "hello@example.com",
        "social_x": "https://x.example.com/harbour",
    }
    style, problems = style_from(typed)
    assert problems == {}
    assert (style.light.accent, style.logo_link) == ("#00aa88", "https://www.example.com/shop")
    assert [link.url for link in style.social] == [
        "https://x.example.com/harbour", "mailto:hello@example.com"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("light_accent", "red", "brand_form.bad_colour"),
        ("dark_text", "", "brand_form.bad_colour"),
        ("font_size", "1e3", "brand_form.bad_number"),
        ("font_size", "٣", "brand_form.bad_number"),
        ("logo_width", "9" * 5000, "brand_form.bad_number"),
        ("body_font", "Comic", "brand_form.bad_font"),
        ("logo", "javascript:alert(1)", "brand_form.bad_logo"),
        ("logo", "media:nothing", "brand_form.bad_logo"),
        ("logo_link", "https://", "brand_form.bad_link"),
        ("logo_link", "https://[::1", "brand_form.bad_link"),
        ("social_github", "data:text/html,x", "brand_form.bad_link"),
        ("social_github", "https://example.com/a b", "brand_form.bad_link"),
        ("social_email", "nobody", "address.syntax"),
        ("logo_alt", "x" * 201, "brand_form.too_long"),
        ("footer", "x" * 1001, "brand_form.too_long"),
    ],
)
def test_a_text_that_cannot_be_used_is_named_and_replaced(field: str, text: str, code: str) -> None:
    style, problems = style_from(TEXTS | {field: text})
    assert {name: reason.code for name, reason in problems.items()} == {field: code}
    assert stored_style(style.model_dump(mode="json")) == BrandStyle()


def test_a_missing_field_is_a_problem_not_a_crash() -> None:
    typed = BrandInput.read({"name": "Harbour"})
    style, problems = style_from(typed.texts)
    assert style == BrandStyle()
    assert {"font_size", "light_text", "heading_font"} <= problems.keys()


def test_control_characters_are_removed() -> None:
    style, _ = style_from(TEXTS | {"footer": "\x00One\ud800\r\n\x1bTwo", "logo_alt": "A\nB\x00"})
    assert (style.footer, style.logo_alt) == ("One\nTwo", "A B")


def test_texts_that_are_hard_to_read_are_named_with_their_contrast() -> None:
    assert low_contrasts(BrandStyle()) == []
    style, _ = style_from(TEXTS | {"light_text": "#cccccc", "dark_accent": "#333333"})
    assert {one.code: one.params["ratio"] for one in low_contrasts(style)} == {
        "brand_form.light_text_faint": "1.6",
        "brand_form.dark_link_faint": "1.3",
        "brand_form.dark_button_faint": "1.3",
    }


@pytest.mark.parametrize("text", ["example", "http:/example.com", "ftp://example.com", "a b.com"])
def test_what_is_no_web_address_is_refused(text: str) -> None:
    assert web_address(text) == ""


def test_a_style_of_a_newer_version_counts_as_the_usual_one() -> None:
    assert stored_style({"sparkles": True}) == BrandStyle()
    assert stored_style(["nonsense"]) == BrandStyle()
