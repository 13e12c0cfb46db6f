"""Turn a source of any kind into a page."""

from collections.abc import Callable, Mapping

from campaigns.content.sources import html, markdown, mjml, text
from campaigns.content.sources.blocks.compile import compile_blocks
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext, SourceKind

Compiler = Callable[[ContentSource, SourceContext], CompiledPage]

COMPILERS: Mapping[SourceKind, Compiler] = {
    "blocks": compile_blocks,
    "html": html.compile_html,
    "markdown": markdown.compile_markdown,
    "mjml": mjml.compile_mjml,
    "text": text.compile_text,
}


def compile_source(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the page of a source, with its problems. Never raises."""
    return COMPILERS[source.kind](source, context)
