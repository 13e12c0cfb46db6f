"""Headings and texts, as elements of MJML."""

from typing import Any

from campaigns.content.html.direction import start
from campaigns.content.sources.blocks import rich_text
from campaigns.content.sources.blocks.build import PADDING, Build, Place
from campaigns.content.sources.blocks.colours import Paint
from campaigns.content.sources.blocks.document import HeadingBlock, TextBlock
from campaigns.content.sources.blocks.fonts import FONTS

_SCALE = {1: 1.85, 2: 1.4, 3: 1.15}
"""Size of headings, in sizes of the text."""


def heading(block: HeadingBlock, place: Place) -> str:
    """Return the MJML of a heading."""
    build, brand = place.build, place.build.context.brand
    inner = build.rich(block.content, place.ground, is_line=True)
    if rich_text.is_blank(block.content):
        inner = placeholder(build, "blocks.heading_empty", "blocks.heading_here")
        if not inner:
            return ""
    paint = build.paints.ink(block.colour, "heading", place.ground)
    size = round(brand.font_size * _SCALE[block.level])
    name = f"h{block.level}"
    style = "margin:0;font-size:inherit;font-weight:inherit;line-height:inherit"
    return (
        f'<mj-text padding="{PADDING}" align="{build.align(block)}" color="{paint.light}"'
        f' font-family="{FONTS[brand.heading_font]}" font-size="{size}px" font-weight="700"'
        f' line-height="1.25"{build.css_class(block, build.dark.name("text", paint))}>'
        f'<{name} style="{style}">{inner}</{name}></mj-text>'
    )


def text(block: TextBlock, place: Place) -> str:
    """Return the MJML of paragraphs and lists."""
    build = place.build
    inner = build.rich(block.content, place.ground)
    if rich_text.is_blank(block.content):
        inner = placeholder(build, "blocks.text_empty", "blocks.text_here")
        if not inner:
            return ""
    paint = build.paints.ink(block.colour, "text", place.ground)
    size = block.size or build.context.brand.font_size
    return text_element(place, block, inner, paint, size=size, align=build.align(block))


def text_element(
    place: Place,
    block: Any,
    inner: str,
    paint: Paint,
    *,
    size: int = 0,
    align: str = "",
    classes: tuple[str, ...] = (),
) -> str:
    """Return an element with this content. Its size is that of the brand by default."""
    build, brand = place.build, place.build.context.brand
    side = align or start(build.context.language)
    names = (build.dark.name("text", paint), *classes)
    return (
        f'<mj-text padding="{PADDING}" align="{side}" color="{paint.light}"'
        f' font-family="{FONTS[brand.body_font]}" font-size="{size or brand.font_size}px"'
        f' line-height="1.6"{build.css_class(block, *names)}>{inner}</mj-text>'
    )


def placeholder(build: Build, problem: str, shown: str) -> str:
    """Note that a block is empty, and return what the canvas shows instead."""
    build.warn(problem)
    if not build.context.is_canvas:
        return ""
    return f'<span style="opacity:.5">{build.text(build.words.sentence(shown))}</span>'
