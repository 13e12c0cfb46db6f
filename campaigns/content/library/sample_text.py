"""The example text of the starter designs, which no recipient should get."""

from functools import lru_cache

from campaigns.content.library import starters
from campaigns.content.mime.compile import sentences_of
from campaigns.content.sources.convert import html_without_footer
from campaigns.content.sources.source import ContentSource, SourceContext
from campaigns.paths import resource_root


@lru_cache(maxsize=1)
def sample_sentences() -> frozenset[str]:
    """Return the sentences of all starter designs.

    Campaigns of earlier versions began with HTML files.
    """
    folder = resource_root() / "templates" / "newsletter"
    earlier = [path.read_text("utf-8") for path in sorted(folder.glob("*.html"))]
    sources = [ContentSource("blocks", design.document) for design in starters.all()]
    return sentences_of(
        [*earlier, *(html_without_footer(source, SourceContext()) for source in sources)]
    )
