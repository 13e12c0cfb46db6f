"""The blocks of a column, as elements of MJML."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from campaigns.content.sources.blocks import conditions, rich_text
from campaigns.content.sources.blocks.build import Build, Picture
from campaigns.content.sources.blocks.colours import Paint
from campaigns.content.sources.blocks.document import (
    AnyBlock,
    ButtonBlock,
    DividerBlock,
    HeadingBlock,
    ImageBlock,
    LogoBlock,
    SpacerBlock,
    TextBlock,
)
from campaigns.content.sources.blocks.fonts import FONTS

SIDE = 12
"""Space at the left and right of a block, in pixels; its section adds the same again."""
PADDING = f"8px {SIDE}px"
_SCALE = {1: 1.85, 2: 1.4, 3: 1.15}
"""Size of headings, in sizes of the text."""
_EMPTY_IMAGE = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="240">'
    '<rect width="600" height="240" fill="#e5e7eb"/><path d="M240 160l40-50 30 35 20-22 35 37z'
    'M345 95a11 11 0 1 1 0-1z" fill="#9ca3af"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block is: the background behind it, and the width in pixels."""

    build: Build
    ground: Paint
    width: int

    @property
    def inner_width(self) -> int:
        """Width without the space at the sides."""
        return max(16, self.width - 2 * SIDE)


def element(block: AnyBlock, place: Place) -> str:
    """Return the MJML of a block, with its condition around it."""
    build = place.build
    outer, build.owner = build.owner, block.id
    write = _WRITERS.get(type(block))
    mjml = write(block, place) if write else ""
    if block.when is not None and mjml:
        mjml = conditional(block.when, mjml, build)
    build.owner = outer
    return mjml


def conditional(when: Any, mjml: str, build: Build) -> str:
    """Return a block or row that depends on a condition; the canvas shows it always."""
    opening = conditions.opening(when)
    if opening is None:
        build.refuse("blocks.bad_field", name=when.field)
        return mjml
    if build.context.is_canvas:
        return mjml
    return f"<mj-raw>{opening}</mj-raw>{mjml}<mj-raw>{conditions.CLOSING}</mj-raw>"


# --- text ------------------------------------------------------------------------------------


def _heading(block: HeadingBlock, place: Place) -> str:
    build, brand = place.build, place.build.context.brand
    inner = build.rich(block.content, place.ground, is_line=True)
    if rich_text.is_blank(block.content):
        inner = _placeholder(build, "blocks.heading_empty", "blocks.heading_here")
        if not inner:
            return ""
    paint = build.paints.ink(block.colour, "heading", place.ground)
    size = round(brand.font_size * _SCALE[block.level])
    name = f"h{block.level}"
    style = "margin:0;font-size:inherit;font-weight:inherit;line-height:inherit"
    return (
        f'<mj-text padding="{PADDING}" align="{block.align}" color="{paint.light}"'
        f' font-family="{FONTS[brand.heading_font]}" font-size="{size}px" font-weight="700"'
        f' line-height="1.25"{build.css_class(block, build.dark.name("text", paint))}>'
        f'<{name} style="{style}">{inner}</{name}></mj-text>'
    )


def _text(block: TextBlock, place: Place) -> str:
    build = place.build
    inner = build.rich(block.content, place.ground)
    if rich_text.is_blank(block.content):
        inner = _placeholder(build, "blocks.text_empty", "blocks.text_here")
        if not inner:
            return ""
    paint = build.paints.ink(block.colour, "text", place.ground)
    size = block.size or build.context.brand.font_size
    return text_element(place, block, inner, paint, size=size, align=block.align)


def text_element(
    place: Place,
    block: Any,
    inner: str,
    paint: Paint,
    *,
    size: int = 0,
    align: str = "left",
    classes: tuple[str, ...] = (),
) -> str:
    """Return an element with this content. Its size is that of the brand by default."""
    build, brand = place.build, place.build.context.brand
    names = (build.dark.name("text", paint), *classes)
    return (
        f'<mj-text padding="{PADDING}" align="{align}" color="{paint.light}"'
        f' font-family="{FONTS[brand.body_font]}" font-size="{size or brand.font_size}px"'
        f' line-height="1.6"{build.css_class(block, *names)}>{inner}</mj-text>'
    )


def _placeholder(build: Build, problem: str, shown: str) -> str:
    """Note that a block is empty, and return what the canvas shows instead."""
    build.warn(problem)
    if not build.context.is_canvas:
        return ""
    return f'<span style="opacity:.5">{build.text(build.words.sentence(shown))}</span>'


# --- images ----------------------------------------------------------------------------------


def _image(block: ImageBlock, place: Place) -> str:
    build = place.build
    picture = build.picture(block.src)
    if picture is None:
        if not block.src.strip():
            build.warn("blocks.image_empty")
        return _empty_image(block, place)
    if not block.alt.strip() and not picture.alt:
        build.warn("blocks.image_without_alt")
    dark = build.picture(block.dark_src)
    if dark is None:
        return _image_element(block, place, picture)
    return _image_element(block, place, picture, "no-dark") + _image_element(
        block, place, dark, "only-dark"
    )


def _image_element(block: ImageBlock, place: Place, picture: Picture, *names: str) -> str:
    build = place.build
    most = place.width if block.is_flush else place.inner_width
    width = min(block.width or picture.width or most, most)
    alt = build.attribute(block.alt.strip()) or picture.alt
    link = build.link(block.link)
    href = f' href="{link}"' if link else ""
    radius = f' border-radius="{block.radius}px"' if block.radius else ""
    padding = "0" if block.is_flush else PADDING
    return (
        f'<mj-image padding="{padding}" align="{block.align}" src="{picture.src}" alt="{alt}"'
        f' width="{width}px"{href}{radius}{build.css_class(block, *names)}{_alt_text(place)}/>'
    )


def _alt_text(place: Place) -> str:
    """Return how the alternative text looks while images are off."""
    brand = place.build.context.brand
    return f' font-size="{brand.font_size - 2}px"'


def _empty_image(block: ImageBlock | LogoBlock, place: Place) -> str:
    if not place.build.context.is_canvas:
        return ""
    picture = Picture(_EMPTY_IMAGE)
    return _image_element(
        ImageBlock(type="image", id=block.id, width=block.width, align=block.align),
        place,
        picture,
    )


def _logo(block: LogoBlock, place: Place) -> str:
    build, brand = place.build, place.build.context.brand
    if not brand.logo:
        build.warn("blocks.logo_missing")
        return _empty_image(block, place)
    return _image(
        ImageBlock(
            type="image",
            id=block.id,
            hide_on=block.hide_on,
            src=brand.logo,
            alt=block.alt or brand.logo_alt,
            link=block.link or brand.logo_link,
            width=block.width or brand.logo_width,
            align=block.align,
        ),
        place,
    )


# --- button, line, space ---------------------------------------------------------------------


def _button(block: ButtonBlock, place: Place) -> str:
    build, brand = place.build, place.build.context.brand
    label, link = build.text(block.label.strip()), build.link(block.link)
    if not label:
        label = _placeholder(build, "blocks.button_empty", "blocks.button_here")
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
        f'<mj-button padding="{PADDING}" align="{block.align}" href="{link or "#"}"'
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
    HeadingBlock: _heading,
    TextBlock: _text,
    ImageBlock: _image,
    LogoBlock: _logo,
    ButtonBlock: _button,
    DividerBlock: _divider,
    SpacerBlock: _spacer,
}
