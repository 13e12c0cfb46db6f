"""Images and the logo, as elements of MJML."""

from campaigns.content.sources.blocks.build import NO_PICTURE, PADDING, Picture, Place
from campaigns.content.sources.blocks.document import ImageBlock, LogoBlock
from campaigns.content.sources.blocks.fonts import FONTS


def image(block: ImageBlock, place: Place) -> str:
    """Return the MJML of an image, and of the one for dark mode."""
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
    fluid = ' fluid-on-mobile="true"' if width == most else ""
    alt = build.attribute(block.alt.strip()) or picture.alt
    link = build.link(block.link)
    href = f' href="{link}"' if link else ""
    radius = f' border-radius="{block.radius}px"' if block.radius else ""
    padding = "0" if block.is_flush else PADDING
    return (
        f'<mj-image padding="{padding}" align="{block.align}" src="{picture.src}" alt="{alt}"'
        f' width="{width}px"{href}{radius}{fluid}{build.css_class(block, *names)}/>'
    )


def _empty_image(block: ImageBlock, place: Place) -> str:
    return _image_element(block, place, NO_PICTURE) if place.build.context.is_canvas else ""


def logo(block: LogoBlock, place: Place) -> str:
    """Return the MJML of the brand's logo; the sender's name if it has none."""
    brand = place.build.context.brand
    if not brand.logo:
        return wordmark(block, place)
    return image(
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


def wordmark(block: LogoBlock, place: Place) -> str:
    """Return the sender's name in the place of a logo."""
    build, brand = place.build, place.build.context.brand
    paint = build.paints.ink("", "heading", place.ground)
    system = build.system
    name = build.text(system.identity) if system else "{{ sender.identity }}"
    return (
        f'<mj-text padding="{PADDING}" align="{block.align}" color="{paint.light}"'
        f' font-family="{FONTS[brand.heading_font]}" font-size="{brand.font_size + 2}px"'
        f' font-weight="700" line-height="1.3"'
        f"{build.css_class(block, build.dark.name('text', paint))}"
        f">{name}</mj-text>"
    )
