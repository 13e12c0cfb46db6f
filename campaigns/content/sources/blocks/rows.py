"""The rows of a document: sections with columns, and the footer."""

from campaigns.content.sources.blocks import rich_text
from campaigns.content.sources.blocks.build import Build
from campaigns.content.sources.blocks.colours import Paint
from campaigns.content.sources.blocks.document import (
    BlockColumn,
    BlockSection,
    Document,
    FooterRow,
    ImageBlock,
)
from campaigns.content.sources.blocks.elements import (
    SIDE,
    Place,
    conditional,
    element,
    text_element,
)

FOOTER_SIZE = 12


def section(row: BlockSection, document: Document, build: Build) -> str:
    """Return the MJML of a section, with its condition around it."""
    build.owner = row.id
    ground = build.paints.ground(row.background or document.surface, "surface")
    side = 0 if _is_flush(row) else SIDE
    place = Place(build, ground, document.width - 2 * side)
    columns = _columns(row, place)
    if not row.stacks and len(row.columns) > 1:
        columns = f"<mj-group>{columns}</mj-group>"
    name = build.dark.name("full" if row.is_full else "section", ground)
    full = ' full-width="full-width"' if row.is_full else ""
    mjml = (
        f'<mj-section background-color="{ground.light}"{_background_image(row, build)}'
        f' padding="{row.padding_top}px {side}px {row.padding_bottom}px"'
        f"{full}{build.css_class(row, name)}>{columns}</mj-section>"
    )
    build.owner = row.id
    return mjml if row.when is None else conditional(row.when, mjml, build)


def _is_flush(row: BlockSection) -> bool:
    """Return whether the section has one column of images that reach its edges."""
    blocks = row.columns[0].blocks if len(row.columns) == 1 else []
    return bool(blocks) and all(isinstance(one, ImageBlock) and one.is_flush for one in blocks)


def _background_image(row: BlockSection, build: Build) -> str:
    picture = build.picture(row.background_image)
    if picture is None:
        return ""
    return f' background-url="{picture.src}" background-size="cover" background-repeat="no-repeat"'


def _columns(row: BlockSection, place: Place) -> str:
    shares = widths([column.width for column in row.columns])
    return "".join(
        _column(column, share, place) for column, share in zip(row.columns, shares, strict=True)
    )


def widths(wanted: list[int]) -> list[float]:
    """Return the widths of columns in percent. 0 takes an equal share of what is left."""
    free = wanted.count(0)
    left = 100 - sum(wanted)
    if free and left > 0:
        return [one or left / free for one in wanted]
    whole = [one or 100 / len(wanted) for one in wanted]
    return [100 * one / sum(whole) for one in whole]


def _column(column: BlockColumn, share: float, row: Place) -> str:
    build = row.build
    build.owner = column.id
    ground, name, background = row.ground, "", ""
    if column.background:
        ground = build.paints.ground(column.background, "surface")
        name = build.dark.name("column", ground)
        background = f' background-color="{ground.light}"'
    place = Place(build, ground, round(row.width * share / 100))
    blocks = "".join([element(block, place) for block in column.blocks])
    return (
        f'<mj-column width="{share:.4g}%" vertical-align="{column.vertical_align}"{background}'
        f"{build.css_class(column, name)}>{blocks}</mj-column>"
    )


# --- the footer ------------------------------------------------------------------------------


def footer(row: FooterRow, document: Document, build: Build) -> str:
    """Return the MJML of the legal footer, which nothing can hide."""
    build.owner = row.id
    if row.when is not None or row.hide_on:
        build.refuse("blocks.footer_hidden")
    ground = build.paints.ground(document.background, "background")
    place = Place(build, ground, document.width - 2 * SIDE)
    paint = build.paints.ink("", "muted", ground)
    inner = _above(row, ground, build) + "".join(_legal_lines(paint, build))
    text = text_element(place, None, inner, paint, size=FOOTER_SIZE, align=row.align)
    return (
        f'<mj-section padding="16px {SIDE}px 32px"{build.css_class(row)}>'
        f"<mj-column>{text}</mj-column></mj-section>"
    )


def _above(row: FooterRow, ground: Paint, build: Build) -> str:
    """Return the sentence above the links: that of the row, or that of the brand."""
    if row.content is not None:
        if rich_text.is_blank(row.content):
            return ""
        return build.rich(row.content, ground) + _GAP
    sentence = build.text(build.context.brand.footer.strip()).replace("\n", "<br/>")
    return f'<p style="margin:0">{sentence}</p>{_GAP}' if sentence else ""


_GAP = '<div style="line-height:12px">&nbsp;</div>'
_LINE = '<p style="margin:0">{}</p>'


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


def _if(name: str, inner: str, is_canvas: bool) -> str:
    return inner if is_canvas else f"{{% if {name} %}}{inner}{{% endif %}}"
