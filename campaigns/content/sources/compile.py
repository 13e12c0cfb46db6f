"""Turn a source of any kind into a page."""

from collections.abc import Callable, Mapping

from campaigns.content.cache import ContentCache
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


CACHED_PAGES = 32
_pages = ContentCache[CompiledPage](CACHED_PAGES)


def compile_source(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the page of a source, with its problems. Never raises.

    Pages are cached, except those for the editor: each of these is made once.
    """
    if context.is_canvas:
        return COMPILERS[source.kind](source, context)
    return _pages.get((source, context), lambda: COMPILERS[source.kind](source, context))
