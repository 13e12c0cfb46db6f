"""The rows of a document: sections with columns, saved rows, and the footer."""

import json

from pydantic import TypeAdapter, ValidationError

from campaigns.content.sources.blocks import rich_text
from campaigns.content.sources.blocks.build import SIDE, Build, Place, SystemFooter
from campaigns.content.sources.blocks.cards import icons, profiles
from campaigns.content.sources.blocks.colours import Paint
from campaigns.content.sources.blocks.document import (
    BlockColumn,
    BlockSection,
    Document,
    FooterRow,
    ImageBlock,
    Row,
    SavedRows,
)
from campaigns.content.sources.blocks.elements import conditional, element
from campaigns.content.sources.blocks.parse import MAX_DOCUMENT
from campaigns.content.sources.blocks.text import text_element

FOOTER_SIZE = 12
_ICON = 24
Corners = tuple[bool, bool]
"""Whether the upper and the lower corners of a section are round."""
SQUARE: Corners = (False, False)


def row(found: Row, document: Document, build: Build, corners: Corners = SQUARE) -> str:
    """Return the MJML of a section or of saved rows, with its condition around it."""
    with build.at(found.id):
        if isinstance(found, SavedRows):
            mjml = _saved(found, document, build, corners)
        elif isinstance(found, BlockSection):
            mjml = _section(found, document, build, corners)
        else:
            return build.begin() + _footer(found, document, build)
        return build.begin() + conditional(found.when, mjml, build)


def ground_of(section: BlockSection, document: Document, build: Build) -> Paint:
    """Return the background of a section."""
    return build.paints.ground(section.background or document.surface, "surface")


def _section(section: BlockSection, document: Document, build: Build, corners: Corners) -> str:
    ground = ground_of(section, document, build)
    side = 0 if _is_flush(section) else SIDE
    place = Place(build, ground, document.width - 2 * side)
    columns = _columns(section, place)
    if not section.stacks and len(section.columns) > 1:
        columns = f"<mj-group>{columns}</mj-group>"
    name = build.dark.name("full" if section.is_full else "section", ground)
    shape = ' full-width="full-width"' if section.is_full else _radius(corners, build)
    return (
        f'<mj-section background-color="{ground.light}"{_background_image(section, build)}'
        f' padding="{section.padding_top}px {side}px {section.padding_bottom}px"'
        f"{shape}{build.css_class(section, name)}>{columns}</mj-section>"
    )


def _radius(corners: Corners, build: Build) -> str:
    radius = build.context.brand.corner_radius
    top, bottom = (radius if is_round else 0 for is_round in corners)
    return f' border-radius="{top}px {top}px {bottom}px {bottom}px"' if top or bottom else ""


def _saved(found: SavedRows, document: Document, build: Build, corners: Corners) -> str:
    """Return the sections of a saved block."""
    stored = build.context.saved_blocks.get(found.saved)
    if stored is None:
        build.refuse("blocks.saved_missing")
        return _gap_for(found, build)
    build.saved_length += len(json.dumps(stored))
    if build.saved_length > MAX_DOCUMENT:  # a document may name a large block 600 times
        build.refuse("blocks.too_large", kilobytes=MAX_DOCUMENT // 1024)
        return _gap_for(found, build)
    try:
        sections = _STORED.validate_python(stored, extra="ignore")
    except ValidationError:
        is_nested = any(one.get("type") == "saved" for one in stored)
        build.refuse("blocks.saved_in_saved" if is_nested else "blocks.saved_unreadable")
        return _gap_for(found, build)
    with build.within(found.id, found.hide_on, is_saved=True):
        last = len(sections) - 1
        return "".join(
            row(one, document, build, (corners[0] and index == 0, corners[1] and index == last))
            for index, one in enumerate(sections)
        )


_STORED = TypeAdapter(list[BlockSection])


def _gap_for(found: SavedRows, build: Build) -> str:
    """Return what the canvas shows for rows that cannot be shown."""
    if not build.context.is_canvas:
        return ""
    return f"<mj-section{build.css_class(found)}><mj-column><mj-spacer/></mj-column></mj-section>"


def _is_flush(section: BlockSection) -> bool:
    """Return whether the section has one column of images that reach its edges."""
    blocks = section.columns[0].blocks if len(section.columns) == 1 else []
    return bool(blocks) and all(isinstance(one, ImageBlock) and one.is_flush for one in blocks)


def _background_image(section: BlockSection, build: Build) -> str:
    if "{" in section.background_image:  # a value could add other styles
        build.refuse("blocks.tag_in_background")
        return ""
    picture = build.picture(section.background_image)
    if picture is None:
        return ""
    url = picture.src.replace("&#x27;", "%27").replace("(", "%28").replace(")", "%29")
    return f' background-url="{url}" background-size="cover" background-repeat="no-repeat"'


def _columns(section: BlockSection, place: Place) -> str:
    shares = widths([column.width for column in section.columns])
    return "".join(
        _column(column, share, place) for column, share in zip(section.columns, shares, strict=True)
    )


def widths(wanted: list[int]) -> list[float]:
    """Return the widths of columns in percent. 0 takes an equal share of what is left."""
    free = wanted.count(0)
    left = 100 - sum(wanted)
    if free and left > 0:
        return [one or left / free for one in wanted]
    whole = [one or 100 / len(wanted) for one in wanted]
    return [100 * one / sum(whole) for one in whole]


def _column(column: BlockColumn, share: float, around: Place) -> str:
    build = around.build
    ground, name, background = around.ground, "", ""
    if column.background:
        ground = build.paints.ground(column.background, "surface")
        name = build.dark.name("column", ground)
        radius = build.context.brand.corner_radius
        background = f' background-color="{ground.light}" border-radius="{radius}px"'
    place = Place(build, ground, round(around.width * share / 100))
    blocks = "".join([element(block, place) for block in column.blocks])
    return (
        f'<mj-column width="{share:.4g}%" vertical-align="{column.vertical_align}"{background}'
        f"{build.css_class(column, name)}>{blocks}</mj-column>"
    )


# --- the footer ------------------------------------------------------------------------------


def _footer(found: FooterRow, document: Document, build: Build) -> str:
    """Return the MJML of the legal footer, which nothing can hide."""
    if found.when is not None or found.hide_on:
        build.refuse("blocks.footer_hidden")
    ground = build.paints.ground(document.background, "background")
    place = Place(build, ground, document.width - 2 * SIDE)
    paint = build.paints.ink("", "muted", ground)
    links = profiles(None, build.context.brand) if found.shows_social else []
    social = icons(links, _ICON, build) + _GAP if links else ""
    lines = _legal_lines if build.system is None else _system_lines
    inner = social + _above(found, ground, build) + "".join(lines(paint, build))
    text = text_element(place, None, inner, paint, size=FOOTER_SIZE, align=found.align)
    return (
        f'<mj-section padding="16px {SIDE}px 32px"{build.css_class(found)}>'
        f"<mj-column>{text}</mj-column></mj-section>"
    )


def _above(found: FooterRow, ground: Paint, build: Build) -> str:
    """Return the sentence above the links: that of the row, or that of the brand."""
    if found.content is not None:
        if rich_text.is_blank(found.content):
            return ""
        return build.rich(found.content, ground, otherwise="muted") + _GAP
    sentence = build.text(build.context.brand.footer.strip()).replace("\n", "<br/>")
    return f"<div>{sentence}</div>{_GAP}" if sentence else ""


_GAP = '<p style="margin:0;line-height:12px">&nbsp;</p>'
_LINE = "<div>{}</div>"


def _legal_lines(paint: Paint, build: Build) -> list[str]:
    """Return why the recipient gets this email, who sends it, and how to leave."""
    words, is_canvas = build.words, build.context.is_canvas
    why = build.text(words.sentence("footer.why", {"list": "{{ list.name }}"}))
    postal = '<span style="white-space:pre-line">{{ sender.postal_address }}</span>'
    lines = [
        _if("list.name", _LINE.format(why), is_canvas),
        _if("sender.identity", _LINE.format("{{ sender.identity }}"), is_canvas),
        _if("sender.postal_address", _LINE.format(postal), is_canvas),
    ]
    style = f'{build.marked("text", paint)} style="color:{paint.light};text-decoration:underline"'
    leave = build.text(words.sentence("footer.unsubscribe"))
    view = build.text(words.sentence("footer.view"))
    link = f'&nbsp;&nbsp;·&nbsp;&nbsp;<a href="{{{{ view_url }}}}"{style}>{view}</a>'
    links = f'<a href="{{{{ unsubscribe_url }}}}"{style}>{leave}</a>'
    return [*lines, _GAP, _LINE.format(links + _if("view_url", link, is_canvas))]


def _system_lines(paint: Paint, build: Build) -> list[str]:
    """Return the same for an email that is not a newsletter. It has values, not merge tags."""
    system = build.system or SystemFooter("")
    texts = [system.why, system.identity, *system.postal_address.splitlines()]
    lines = [_LINE.format(build.text(text)) for text in texts if text.strip()]
    if not system.unsubscribe_url:
        return lines
    style = f'{build.marked("text", paint)} style="color:{paint.light};text-decoration:underline"'
    leave = build.text(build.words.sentence("footer.unsubscribe"))
    link = f'<a href="{build.link(system.unsubscribe_url)}"{style}>{leave}</a>'
    return [*lines, _GAP, _LINE.format(link)]


def _if(name: str, inner: str, is_canvas: bool) -> str:
    return inner if is_canvas else f"{{% if {name} %}}{inner}{{% endif %}}"
