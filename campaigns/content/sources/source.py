"""A source, what its compilation depends on, and the page that it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from campaigns import formatting
from campaigns.content.brand_style import BrandStyle
from campaigns.content.templating.problems import Problem

SourceKind = Literal["blocks", "markdown", "html", "mjml", "text"]
KINDS: tuple[SourceKind, ...] = get_args(SourceKind)


@dataclass(frozen=True, slots=True)
class ContentSource:
    """What an author wrote.

    `text`: for blocks the JSON of a document, else the code itself. `inline_css`: move the rules of
    style sheets in HTML into its elements; other kinds are always inlined.
    """

    kind: SourceKind = "html"
    text: str = ""
    inline_css: bool = False


@dataclass(frozen=True, slots=True)
class MediaFile:
    """An image of the media library. `url` is absolute; width and height are in pixels.

    `size` is in bytes.
    """

    url: str
    width: int
    height: int
    alt: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source is compiled with.

    `snippets`: sources by key; `saved_blocks`: the stored rows by public id; `media`: by public
    id, at least the files that the source refers to as `media:<public id>`. `base_url` is this
    installation's public URL, without a trailing slash.
    """

    brand: BrandStyle = field(default_factory=BrandStyle)
    language: str = formatting.DEFAULT_LOCALE
    base_url: str = ""
    snippets: Mapping[str, str] = field(default_factory=dict)
    saved_blocks: Mapping[str, list[dict[str, object]]] = field(default_factory=dict)
    media: Mapping[str, MediaFile] = field(default_factory=dict)
    is_canvas: bool = False
    """Whether it is compiled for the editor: blocks can be found, and CSS is not inlined."""
    is_frozen: bool = False
    """Whether it was stored at a launch, maybe by another release."""


@dataclass(frozen=True, slots=True)
class CompiledPage:
    """A compiled source: HTML with merge tags, or for the kind `text` only `text`.

    `text` is the text part as the author wrote it; None: it is derived from the HTML. `lines`: for
    each line of `html`, the line of the source that it comes from; empty if all are the same.
    `blocks`: for each line of it, the id of the block that it comes from, if the source has blocks.
    """

    html: str
    text: str | None = None
    problems: tuple[Problem, ...] = ()
    lines: tuple[int, ...] = ()
    blocks: tuple[str, ...] = ()

    def in_source(self, problem: Problem) -> Problem:
        """Return a problem of the HTML with its line or its block in the source."""
        if problem.field == "html" and 0 < problem.line <= len(self.blocks):
            return replace(problem, line=0, block=self.blocks[problem.line - 1])
        if problem.field != "html" or not 0 < problem.line <= len(self.lines):
            return problem
        return replace(problem, line=self.lines[problem.line - 1])


def kind_of(stored: str) -> SourceKind:
    """Return the kind stored in a row."""
    return next(kind for kind in KINDS if kind == stored)
