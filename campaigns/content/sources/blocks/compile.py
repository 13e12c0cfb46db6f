"""Compile a document of blocks: to MJML, and then to HTML."""

import re
from collections.abc import Iterator
from dataclasses import replace

import mjml

from campaigns import formatting
from campaigns.content.html import direction, tokens
from campaigns.content.html.inline_css import KEEP_SHEET, TooMuchCssError, inline
from campaigns.content.sources.blocks import marks, parse, rows, styles
from campaigns.content.sources.blocks.build import Build, SystemFooter
from campaigns.content.sources.blocks.colours import Paint
from campaigns.content.sources.blocks.document import (
    BlockSection,
    Document,
    FooterRow,
    Row,
    SavedRows,
)
from campaigns.content.sources.blocks.marks import Marked
from campaigns.content.sources.panics import is_fault
from campaigns.content.sources.references import Expanded
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext
from campaigns.content.templating.problems import found


def compile_blocks(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the page of a document, with its problems. Never raises."""
    document, problems = parse.parse(source.text, is_frozen=context.is_frozen)
    if document is None:
        return CompiledPage("", problems=tuple(problems))
    return compile_document(document, context)


def compile_document(
    document: Document, context: SourceContext, system: SystemFooter | None = None
) -> CompiledPage:
    """Return the page of a document, with its problems. Never raises.

    `system`: what ends an email that is not a newsletter.
    """
    build = Build(context, system)
    try:
        html = _to_html(to_mjml(document, build), build)
    except BaseException as error:  # the library may panic, which is not an Exception
        if not is_fault(error):
            raise
        return CompiledPage("", problems=(found("html", 0, "blocks.not_compiled"),))
    return _with_references(_finished(html, build), build)


def _finished(html: str, build: Build) -> Marked:
    """Return the compiled page with its title and the author's code."""
    html = html.replace("<title></title>", "<title>{{ campaign.subject }}</title>", 1)
    if build.context.is_canvas:
        return marks.replaced(html, build)
    if not any("<style" in code.lower() for code in build.codes):
        return marks.replaced(html, build)
    # The style sheets of the author are inlined; ours have only what cannot be.
    own = f'<style {KEEP_SHEET}="ignore"'
    page = marks.replaced(html.replace("<style", own), build)
    try:
        inlined = inline(page.html)
    except TooMuchCssError:
        build.refuse("template.too_much_css")
        inlined = page.html
    return replace(page, html=inlined.replace(own, "<style"))


def _with_references(page: Marked, build: Build) -> CompiledPage:
    """Return the page with the snippets and images that its texts name."""
    if "snippet" not in page.html and "media:" not in page.html:
        return CompiledPage(page.html, problems=tuple(build.problems), blocks=page.blocks)
    expanded = Expanded(page.html, build.context)
    before = CompiledPage(page.html, blocks=page.blocks)
    found = [before.in_source(problem) for problem in expanded.problems]
    blocks = tuple(page.blocks[line - 1] for line in expanded.lines)
    return CompiledPage(expanded.text, problems=(*build.problems, *found), blocks=blocks)


def to_mjml(document: Document, build: Build) -> str:
    """Return the document as MJML with merge tags."""
    ground = build.paints.ground(document.background, "background")
    body = "".join(_rows(document, ground, build))
    name = build.dark.name("body", ground)
    shade = f' css-class="{name}"' if name else ""
    language = build.context.language
    return (
        f'<mjml lang="{formatting.language_tag(language)}"{direction.attribute(language)}>'
        f"<mj-head>{styles.head(build, body)}</mj-head>"
        f'<mj-body width="{document.width}px" background-color="{ground.light}"{shade}>'
        f"{body}</mj-body></mjml>"
    )


def _rows(document: Document, ground: Paint, build: Build) -> Iterator[str]:
    """Yield the MJML of all rows. The footer is last, and always there."""
    footers = [one for one in document.rows if isinstance(one, FooterRow)]
    others = [one for one in document.rows if not isinstance(one, FooterRow)]
    if len(footers) > 1:
        with build.at(footers[1].id):
            build.refuse("blocks.two_footers")
    cards = [_is_card(one, document, ground, build) for one in others]
    if cards and cards[0]:
        yield f"<mj-raw>{_TOP}</mj-raw>"
    for index, one in enumerate(others):
        is_first = not (index and cards[index - 1])
        is_last = not any(cards[index + 1 : index + 2])
        yield rows.row(one, document, build, (is_first, is_last) if cards[index] else rows.SQUARE)
    yield rows.row(footers[0] if footers else _FOOTER, document, build)


_TOP = '<div style="height:24px;line-height:24px;font-size:1px">&#8202;</div>'
"""Space above a card, so that its round corners show."""
_FOOTER = FooterRow(type="footer", id="footer")
"""The footer of a document without one, as every email needs one."""


def _is_card(found: Row, document: Document, ground: Paint, build: Build) -> bool:
    """Return whether a row stands out from the background, and so has corners."""
    if isinstance(found, BlockSection):
        return not found.is_full and rows.ground_of(found, document, build) != ground
    return isinstance(found, SavedRows)


def _to_html(source: str, build: Build) -> str:
    guarded = tokens.guard(source)
    # Marks of letters and digits: the compiler writes others differently in attributes.
    word = tokens.new_word()
    plain = tokens.MARK.sub(rf"{word}\1z", guarded.text)
    html = mjml.mjml2html(plain, fonts={})
    html = html if build.context.is_canvas else styles.hide(html)
    return re.sub(rf"{word}(\d+)z", lambda found: guarded.tokens[int(found[1])].source, html)
