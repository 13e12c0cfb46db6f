"""Blocks made of several parts: product, quote, video, profiles, HTML.

Each is one element with a table inside, so that the canvas finds it as a whole.
"""

from campaigns.content.brand_style import NETWORK_NAMES, BrandStyle
from campaigns.content.html.direction import sided
from campaigns.content.sources.blocks import balance, rich_text
from campaigns.content.sources.blocks.build import NO_PICTURE, Build, Picture, Place
from campaigns.content.sources.blocks.colours import Paint
from campaigns.content.sources.blocks.document import (
    HtmlBlock,
    ProductBlock,
    QuoteBlock,
    SocialBlock,
    VideoBlock,
)
from campaigns.content.sources.blocks.fonts import FONTS
from campaigns.content.sources.blocks.text import placeholder, text_element

TABLE = 'role="presentation" border="0" cellpadding="0" cellspacing="0"'
_PORTRAIT = 44
_LEFT_SHARE = 0.38
_GAP = 16


# --- product ---------------------------------------------------------------------------------


def product(block: ProductBlock, place: Place) -> str:
    """Return the MJML of a product."""
    build = place.build
    picture = _picture(block.image, block.alt, "blocks.image_empty", build)
    if not block.title.strip():
        build.warn("blocks.product_without_title")
    link = build.link(block.link)
    if block.label.strip() and not link:
        build.warn("blocks.button_without_link")
    words = _product_words(block, link, place)
    paint = build.paints.ink("", "text", place.ground)
    if block.layout == "top" or picture is None:
        space = f'<div style="line-height:{_GAP}px">&nbsp;</div>'
        image = _linked(_img(picture, place.inner_width, build), link) + space if picture else ""
        return text_element(place, block, image + words, paint)
    width = round(place.inner_width * _LEFT_SHARE)
    image = _linked(_img(picture, width, build), link)
    return text_element(
        place,
        block,
        f'<table {TABLE} width="100%"><tr><td width="{width}" valign="top"'
        f' style="width:{width}px">{image}</td><td width="{_GAP}" style="width:{_GAP}px"></td>'
        f'<td valign="top">{words}</td></tr></table>',
        paint,
    )


def _product_words(block: ProductBlock, link: str, place: Place) -> str:
    build, brand = place.build, place.build.context.brand
    title = build.paints.ink("", "heading", place.ground)
    parts = []
    if block.title.strip():
        parts.append(
            f'<h3{build.marked("text", title)} style="margin:0 0 6px;color:{title.light};'
            f"font-family:{FONTS[brand.heading_font]};font-size:{brand.font_size + 2}px;"
            f'font-weight:700;line-height:1.3">{build.text(block.title)}</h3>'
        )
    if block.text.strip():
        inner = build.text(block.text.strip()).replace("\n", "<br/>")
        parts.append(f'<p style="margin:0 0 8px">{inner}</p>')
    if block.price.strip() or block.old_price.strip():
        parts.append(f'<p style="margin:0 0 12px">{_price(block, title, place)}</p>')
    if block.label.strip():
        parts.append(_small_button(build.text(block.label.strip()), link, build))
    return "".join(parts)


def _price(block: ProductBlock, strong: Paint, place: Place) -> str:
    build = place.build
    muted = build.paints.ink("", "muted", place.ground)
    pieces = []
    if block.price.strip():
        pieces.append(
            f'<span{build.marked("text", strong)} style="color:{strong.light};font-weight:700">'
            f"{build.text(block.price.strip())}</span>"
        )
    if block.old_price.strip():
        pieces.append(
            f'<s{build.marked("text", muted)} style="color:{muted.light}">'
            f"{build.text(block.old_price.strip())}</s>"
        )
    return "&nbsp; ".join(pieces)


def _small_button(label: str, link: str, build: Build) -> str:
    brand = build.context.brand
    fill = build.paints.named("accent")
    paint = build.paints.ink("", "on_accent", fill)
    return (
        f'<table {TABLE} style="border-collapse:separate"{build.marked("button", fill)}><tr>'
        f'<td bgcolor="{fill.light}" style="background:{fill.light};padding:0;'
        f'border-radius:{brand.button_radius}px;mso-padding-alt:9px 18px">'
        f'<a href="{link or "#"}"{build.marked("text", paint)} style="display:inline-block;'
        f"padding:9px 18px;border-radius:{brand.button_radius}px;color:{paint.light};"
        f"font-size:{brand.font_size - 2}px;font-weight:600;"
        f'line-height:1.3;text-decoration:none;mso-padding-alt:0">{label}</a></td></tr></table>'
    )


# --- quote -----------------------------------------------------------------------------------


def quote(block: QuoteBlock, place: Place) -> str:
    """Return the MJML of a quotation."""
    build, brand = place.build, place.build.context.brand
    inner = build.rich(block.content, place.ground)
    if rich_text.is_blank(block.content):
        inner = placeholder(build, "blocks.text_empty", "blocks.text_here")
        if not inner:
            return ""
    edge = build.paints.named("accent")
    bar = sided(
        f"border-left:4px solid {edge.light};padding:2px 0 2px 18px", build.context.language
    )
    size = brand.font_size + 2
    return text_element(
        place,
        block,
        f'<table {TABLE} width="100%"><tr><td{build.marked("edge", edge)}'
        f' style="{bar}">'
        f'<blockquote style="margin:0;font-family:{FONTS[brand.heading_font]};'
        f'font-size:{size}px;line-height:1.5">{inner}</blockquote>{_author(block, place)}'
        "</td></tr></table>",
        build.paints.ink("", "text", place.ground),
    )


def _author(block: QuoteBlock, place: Place) -> str:
    build = place.build
    muted = build.paints.ink("", "muted", place.ground)
    author, role = build.text(block.author.strip()), build.text(block.role.strip())
    picture = build.picture(block.image)
    if not (author or role or picture):
        return ""
    name = f"<strong>{author}</strong>" if author else ""
    if role:
        line = "<br/>" if author else ""
        name += (
            f'{line}<span{build.marked("text", muted)} style="color:{muted.light}">{role}</span>'
        )
    portrait = ""
    if picture:
        portrait = (
            f'<td width="{_PORTRAIT + 12}" style="width:{_PORTRAIT + 12}px">'
            f'<img src="{picture.src}" alt="" width="{_PORTRAIT}" height="{_PORTRAIT}"'
            f' style="display:block;border-radius:{_PORTRAIT // 2}px"/></td>'
        )
    size = build.context.brand.font_size - 2
    return (
        f'<table {TABLE} style="margin-top:12px"><tr>{portrait}'
        f'<td style="font-size:{size}px;line-height:1.4">{name}</td></tr></table>'
    )


# --- video -----------------------------------------------------------------------------------


def video(block: VideoBlock, place: Place) -> str:
    """Return the MJML of a video: its image and a line below lead to it."""
    build = place.build
    if not block.link.strip():
        build.warn("blocks.video_without_link")
    watch = build.text(build.words.sentence("blocks.watch_video"))
    picture = _picture(block.image, block.alt.strip() or watch, "blocks.image_empty", build)
    link = build.link(block.link)
    image = _linked(_img(picture, place.inner_width, build), link) if picture else ""
    paint = build.paints.ink("", "accent", place.ground)
    style = f"color:{paint.light};font-weight:600;text-decoration:none"
    classes = build.marked("text", paint)
    line = f'<a href="{link or "#"}"{classes} style="{style}">▶&#65038; {watch}</a>'
    below = f'<p style="margin:10px 0 0">{line}</p>'
    ink = build.paints.ink("", "text", place.ground)
    return text_element(place, block, image + below, ink, align="center")


# --- profiles --------------------------------------------------------------------------------


def social(block: SocialBlock, place: Place) -> str:
    """Return the MJML of links to profiles."""
    build = place.build
    links = profiles(block, build.context.brand)
    if not links:
        return _no_profiles(block, place)
    inner = icons(links, block.size, build)
    paint = build.paints.ink("", "text", place.ground)
    return text_element(place, block, inner, paint, align=block.align)


def _no_profiles(block: SocialBlock, place: Place) -> str:
    inner = placeholder(place.build, "blocks.no_profiles", "blocks.profiles_here")
    paint = place.build.paints.ink("", "text", place.ground)
    return text_element(place, block, inner, paint, align=block.align) if inner else ""


def profiles(block: SocialBlock | None, brand: BrandStyle) -> list[tuple[str, str]]:
    """Return the networks and addresses of a block, or those of the brand."""
    if block is not None and block.entries:
        return [(entry.network, entry.url.strip()) for entry in block.entries]
    return [(link.network, link.url) for link in brand.social]


def icons(links: list[tuple[str, str]], size: int, build: Build) -> str:
    """Return the icons of profiles as links; their names if this installation has no address."""
    return "&nbsp;&nbsp; ".join(_icon(network, url, size, build) for network, url in links)


def _icon(network: str, url: str, size: int, build: Build) -> str:
    named = {
        "website": build.words.sentence("blocks.website"),
        "email": build.words.sentence("blocks.email"),
        **NETWORK_NAMES,
    }
    network = network if network in named else "website"
    name = build.attribute(named[network])
    is_address = network == "email" and "@" in url and ":" not in url
    link = build.link(f"mailto:{url}" if is_address else url)
    if not link:
        return ""
    if not build.context.base_url:
        return f'<a href="{link}">{name}</a>'
    source = build.attribute(f"{build.context.base_url}/static/img/social/{network}.png")
    return (
        f'<a href="{link}" style="text-decoration:none"><img src="{source}" alt="{name}"'
        f' width="{size}" height="{size}" style="display:inline-block;vertical-align:middle;'
        'font-size:10px;line-height:1.2"/></a>'
    )


# --- HTML ------------------------------------------------------------------------------------


def html(block: HtmlBlock, place: Place) -> str:
    """Return the MJML of the author's own HTML, which no step changes."""
    build = place.build
    if not block.code.strip():
        inner = placeholder(build, "blocks.html_empty", "blocks.html_here")
        if not inner:
            return ""
    elif wrong := balance.fault_of(block.code):
        build.refuse("blocks.html_unbalanced", tag=wrong)
        return ""
    else:
        inner = build.protect(block.code)
    return text_element(place, block, inner, build.paints.ink("", "text", place.ground))


# --- images ----------------------------------------------------------------------------------


def _picture(src: str, alt: str, missing: str, build: Build) -> Picture | None:
    """Return an image with its alternative text. Notes what is missing."""
    picture = build.picture(src)
    if picture is None:
        if not src.strip():
            build.warn(missing)
        return NO_PICTURE if build.context.is_canvas else None
    if not alt and not picture.alt:
        build.warn("blocks.image_without_alt")
    return Picture(picture.src, picture.width, build.attribute(alt.strip()) or picture.alt)


def _img(picture: Picture | None, width: int, build: Build) -> str:
    if picture is None:
        return ""
    most = f"max-width:{picture.width}px;" if picture.width else ""
    width = min(picture.width or width, width)
    radius = build.context.brand.corner_radius
    return (
        f'<img src="{picture.src}" alt="{picture.alt}" width="{width}" style="display:block;'
        f'width:100%;{most}height:auto;border-radius:{radius}px"/>'
    )


def _linked(image: str, link: str) -> str:
    return f'<a href="{link}">{image}</a>' if link else image
