"""Every text can be read on what is behind it, in light and in dark mode."""

import re

import pytest

from campaigns.content.brand_style import DARK, LIGHT, BrandStyle, Palette
from campaigns.content.sources.blocks.colours import (
    LEGIBLE_IN_BRAND,
    DarkMode,
    Paint,
    Paints,
    contrast,
)
from tests.content.sources.blocks.documents import block, compiled, rich, section

PAINTS = Paints(BrandStyle())


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(
    "ground", [*Palette.model_fields, "#ffffff", "#000000", "#7c2d12", "#fef3c7"]
)
def test_usual_texts_are_legible_on_any_background(ground: str) -> None:
    behind = PAINTS.ground(ground, "surface")
    for usual in ("heading", "text", "muted", "accent", "on_accent"):
        ink = PAINTS.ink("", usual, behind)
        assert contrast(ink.light, behind.light) >= LEGIBLE_IN_BRAND
        assert contrast(ink.dark, behind.dark) >= LEGIBLE_IN_BRAND


def test_what_the_author_chose_stays_in_light_mode_and_is_legible_in_dark_mode() -> None:
    behind = PAINTS.ground("", "surface")
    ink = PAINTS.ink("#111111", "text", behind)
    assert ink.light == "#111111"
    assert contrast(ink.dark, behind.dark) >= LEGIBLE_IN_BRAND


def test_a_background_of_the_author_keeps_its_texts_in_dark_mode() -> None:
    behind = PAINTS.ground("#fef3c7", "surface")
    assert PAINTS.ink("", "text", behind) == Paint(LIGHT.text, LIGHT.text)


def test_dark_mode_has_one_class_for_each_colour_and_purpose() -> None:
    dark = DarkMode()
    paints = [Paint("#000000", "#ffffff"), Paint("#111111", "#ffffff"), Paint("#000000", "#eeeeee")]
    names = [dark.name("text", paint) for paint in paints]
    assert names[0] == names[1] != names[2]
    assert dark.name("section", paints[0]) not in names
    assert dark.name("text", Paint("#000000", "#000000")) == ""
    assert DarkMode().css() == ""


def test_the_system_and_outlook_get_the_same_dark_colours() -> None:
    html = compiled(section(block("text", content=rich("Hello")), background="accent")).html
    css = html[html.index("@media (prefers-color-scheme:dark)") : html.index("</head>")]
    system, _, outlook = css.partition("</style>")[0].partition("}}")
    rules = [dict(re.findall(r"\.(d\d+)[^{}]*{([^}]*)", part)) for part in (system, outlook)]
    assert rules[0] == rules[1] != {}
    assert set(re.findall(r"\bd\d+\b", html[html.index("<body") :])) >= rules[0].keys()
    assert DARK.accent in css
