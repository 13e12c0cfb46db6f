"""Compile a document of blocks: to MJML, and then to HTML."""

import re
import secrets

import mjml

from campaigns import formatting
from campaigns.content.html import tokens
from campaigns.content.sources.blocks import parse, rows, styles
from campaigns.content.sources.blocks.build import Build
from campaigns.content.sources.blocks.document import BlockSection, Document, FooterRow
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext


def compile_blocks(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the page of a document, with its problems. Never raises."""
    document, problems = parse.parse(source.text)
    if document is None:
        return CompiledPage("", problems=tuple(problems))
    build = Build(context)
    html = _to_html(to_mjml(document, build))
    html = html.replace("<title></title>", "<title>{{ campaign.subject }}</title>", 1)
    return CompiledPage(build.restore(styles.hide(html)), problems=tuple(build.problems))


def to_mjml(document: Document, build: Build) -> str:
    """Return the document as MJML with merge tags."""
    body = "".join([rows.section(row, document, build) for row in _sections(document)])
    body += rows.footer(_footer(document), document, build)
    ground = build.paints.ground(document.background, "background")
    name = build.dark.name("body", ground)
    shade = f' css-class="{name}"' if name else ""
    language = formatting.language_tag(build.context.language)
    return (
        f'<mjml lang="{language}"><mj-head>{styles.head(build, body)}</mj-head>'
        f'<mj-body width="{document.width}px" background-color="{ground.light}"{shade}>'
        f"{body}</mj-body></mjml>"
    )


def _sections(document: Document) -> list[BlockSection]:
    return [row for row in document.rows if isinstance(row, BlockSection)]


def _footer(document: Document) -> FooterRow:
    """Return the footer of the document, or the usual one: no email goes without."""
    found = (row for row in document.rows if isinstance(row, FooterRow))
    return next(found, FooterRow(type="footer", id="footer"))


def _to_html(source: str) -> str:
    guarded = tokens.guard(source)
    # Marks of letters and digits: the compiler writes others differently in attributes.
    key = secrets.token_hex(6)
    plain = tokens.MARK.sub(rf"{key}-\1-", guarded.text)
    html = mjml.mjml2html(plain, fonts={})
    return re.sub(rf"{key}-(\d+)-", lambda found: guarded.tokens[int(found[1])].source, html)
