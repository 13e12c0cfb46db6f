"""The blocks of a column, as elements of MJML."""

from collections.abc import Callable, Mapping
from typing import Any

from campaigns.content.sources.blocks import cards, conditions, images, text
from campaigns.content.sources.blocks.build import PADDING, Build, Place
from campaigns.content.sources.blocks.document import (
    AnyBlock,
    ButtonBlock,
    Condition,
    DividerBlock,
    FieldCondition,
    HeadingBlock,
    HtmlBlock,
    ImageBlock,
    LogoBlock,
    ProductBlock,
    QuoteBlock,
    RepeatBlock,
    SocialBlock,
    SpacerBlock,
    TextBlock,
    VideoBlock,
)
from campaigns.content.sources.blocks.fonts import FONTS
from campaigns.content.sources.blocks.text import placeholder

_EMPTY_HEIGHT = 96
"""Height of a list without blocks in the canvas, which shows a button there."""


def element(block: AnyBlock, place: Place) -> str:
    """Return the MJML of a block, with its condition around it."""
    build = place.build
    with build.at(block.id):
        mjml = build.checked(_WRITERS[type(block)](block, place))
        return build.begin() + conditional(block.when, mjml, build) if mjml else ""


def conditional(when: Condition | None, mjml: str, build: Build) -> str:
    """Return a block or a row within its condition. The canvas shows it always."""
    if when is None:
        return mjml
    opening = conditions.opening(when)
    if opening is None:
        name = when.field if isinstance(when, FieldCondition) else when.segment
        build.refuse("blocks.bad_field", name=name)
    elif not build.context.is_canvas:
        return f"<mj-raw>{opening}</mj-raw>{mjml}<mj-raw>{conditions.CLOSING}</mj-raw>"
    return mjml


def _repeat(block: RepeatBlock, place: Place) -> str:
    build = place.build
    if not block.blocks:
        build.warn("blocks.repeat_empty")
        space = f'<mj-spacer height="{_EMPTY_HEIGHT}px"{build.css_class(block)}/>'
        return space if build.context.is_canvas else ""
    with build.within(block.id):
        mjml = "".join([element(one, place) for one in block.blocks])
    statements = conditions.repetition(block)
    if statements is None:
        build.refuse("blocks.repeat_without_field", name=block.each)
    elif not build.context.is_canvas:
        return f"<mj-raw>{statements[0]}</mj-raw>{mjml}<mj-raw>{statements[1]}</mj-raw>"
    return mjml


# --- button, line, space ---------------------------------------------------------------------


def _button(block: ButtonBlock, place: Place) -> str:
    build, brand = place.build, place.build.context.brand
    label, link = build.text(block.label.strip()), build.link(block.link)
    if not label:
        label = placeholder(build, "blocks.button_empty", "blocks.button_here")
        if not label:
            return ""
    if not block.link.strip():
        build.warn("blocks.button_without_link")
    fill = build.paints.ground(block.background, "accent")
    paint = build.paints.ink(block.colour, "on_accent", fill)
    radius = brand.button_radius if block.radius < 0 else block.radius
    names = (build.dark.name("button", fill), build.dark.name("label", paint))
    width = ' width="100%"' if block.is_wide else ""
    return (
        f'<mj-button padding="{PADDING}" align="{place.build.align(block)}" href="{link or "#"}"'
        f' background-color="{fill.light}" color="{paint.light}" border-radius="{radius}px"'
        f' font-family="{FONTS[brand.body_font]}" font-size="{brand.font_size}px"'
        f' font-weight="600" inner-padding="13px 26px"{width}'
        f"{build.css_class(block, *names)}>{label}</mj-button>"
    )


def _divider(block: DividerBlock, place: Place) -> str:
    build = place.build
    paint = build.paints.ground(block.colour, "border")
    name = build.dark.name("line", paint)
    return (
        f'<mj-divider padding="{PADDING}" border-width="{block.thickness}px"'
        f' border-color="{paint.light}" width="{block.width}%"{build.css_class(block, name)}/>'
    )


def _spacer(block: SpacerBlock, place: Place) -> str:
    return f'<mj-spacer height="{block.height}px"{place.build.css_class(block)}/>'


Writer = Callable[[Any, Place], str]
_WRITERS: Mapping[type, Writer] = {
    HeadingBlock: text.heading,
    TextBlock: text.text,
    ImageBlock: images.image,
    LogoBlock: images.logo,
    ButtonBlock: _button,
    DividerBlock: _divider,
    SpacerBlock: _spacer,
    SocialBlock: cards.social,
    ProductBlock: cards.product,
    QuoteBlock: cards.quote,
    VideoBlock: cards.video,
    HtmlBlock: cards.html,
    RepeatBlock: _repeat,
}
