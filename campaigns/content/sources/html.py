"""HTML as its author wrote it: every byte is kept."""

from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext


def compile_html(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the page of an HTML source."""
    return CompiledPage(source.text)
