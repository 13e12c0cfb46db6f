"""What the compilation of one document collects and shares."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

from campaigns.content.html import tokens
from campaigns.content.html.direction import start
from campaigns.content.sources.blocks import rich_text
from campaigns.content.sources.blocks.colours import DarkMode, Paint, Paints
from campaigns.content.sources.blocks.document import (
    AnyBlock,
    BlockColumn,
    BlockSection,
    ButtonBlock,
    FooterRow,
    HeadingBlock,
    RichText,
    Row,
    TextBlock,
)
from campaigns.content.sources.blocks.markup import (
    BrokenTagError,
    attribute,
    escaped,
    is_safe_image,
    is_safe_link,
    without_tags,
)
from campaigns.content.sources.blocks.rich_text import InlineStyles, RichTextError
from campaigns.content.sources.source import SourceContext
from campaigns.content.templating import checker
from campaigns.content.templating.problems import Problem
from campaigns.reason import Parameter, Reason
from campaigns.wording import Words

_MEDIA = "media:"
_PLACEHOLDER = re.compile(r"placeholder:([a-z]{1,20})")
"""An image of the starter designs. Its folder tells a review that it is still to be replaced."""
_HIDING = {"": "", "phone": "no-phone", "desktop": "only-phone"}
"""The class of what is hidden on phones, or on everything else."""


SIDE = 12
"""Space at the left and right of a block, in pixels; its section adds the same again."""
PADDING = f"8px {SIDE}px"


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, ready for an attribute. Sizes are in pixels; 0: unknown."""

    src: str
    width: int = 0
    alt: str = ""


NO_PICTURE = Picture(
    "data:image/svg+xml,"
    + quote(
        '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="240">'
        '<rect width="600" height="240" fill="#e5e7eb"/><path d="M240 160l40-50 30 35 20-22 35 37z'
        'M345 95a11 11 0 1 1 0-1z" fill="#9ca3af"/></svg>'
    )
)
"""What the canvas shows where an image will be."""


@dataclass(frozen=True, slots=True)
class SystemFooter:
    """The end of a system email. `identity` also stands in for a missing logo."""

    identity: str
    postal_address: str = ""
    why: str = ""
    """Why the recipient gets it."""
    unsubscribe_url: str = ""


@dataclass(slots=True)
class Build:
    """One compilation. `owner`: id of the block being compiled, to which problems belong."""

    context: SourceContext
    system: SystemFooter | None = None
    """What ends a system email, instead of the legal footer of a newsletter."""
    owner: str = ""
    outer: str = ""
    """Id of the block that contains it, to which the canvas lets it belong too."""
    hide_on: str = ""
    """Where the saved block around it is hidden."""
    is_saved: bool = False
    """Whether rows of a saved block are compiled: they are edited as a whole."""
    saved_length: int = 0
    """Length of the saved blocks so far, as JSON."""
    paints: Paints = field(init=False)
    dark: DarkMode = field(default_factory=DarkMode)
    problems: list[Problem] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    """HTML of the author, which no step may touch."""
    words: Words = field(init=False)
    key: str = field(default_factory=tokens.new_word)
    """Begins the marks of this compilation, so that nobody else can write one."""

    def __post_init__(self) -> None:
        self.paints = Paints(self.context.brand)
        self.words = Words(self.context.language)

    # --- the current block -----------------------------------------------------------------

    @contextmanager
    def at(self, block: str) -> Iterator[None]:
        """Compile a block: problems belong to it, or to the saved block that it is part of."""
        before = self.owner
        self.owner = before if self.is_saved else block
        yield
        self.owner = before

    @contextmanager
    def within(self, block: str, hide_on: str = "", *, is_saved: bool = False) -> Iterator[None]:
        """Compile what a block contains. What is inside a saved block belongs to that."""
        before = (self.outer, self.hide_on, self.is_saved)
        if not self.is_saved:
            self.outer, self.hide_on, self.is_saved = block, hide_on, is_saved
        yield
        self.outer, self.hide_on, self.is_saved = before

    # --- problems --------------------------------------------------------------------------

    def warn(self, code: str, **params: Parameter) -> None:
        """Note something that the author should change."""
        self._note(code, params, False)

    def refuse(self, code: str, **params: Parameter) -> None:
        """Note something that prevents sending."""
        self._note(code, params, True)

    def _note(self, code: str, params: dict[str, Parameter], blocks: bool) -> None:
        self.problems.append(Problem("html", 0, Reason(code, params), blocks, self.owner))

    # --- values ----------------------------------------------------------------------------

    def text(self, value: str) -> str:
        """Return plain text for an element, with its merge tags."""
        return self._written(value, escaped)

    def attribute(self, value: str) -> str:
        """Return plain text for an attribute, with its merge tags."""
        return self._written(value, attribute)

    def _written(self, value: str, write: Callable[[str], str]) -> str:
        try:
            return write(value)
        except BrokenTagError as error:
            self.refuse(error.code)
            return ""

    def link(self, url: str) -> str:
        """Return the address of a link for an attribute; "" if there is none that may be used."""
        url = url.strip()
        if url and not is_safe_link(url):
            self.refuse("blocks.unsafe_link", url=url[:80])
            return ""
        return self.attribute(url)

    def picture(self, src: str) -> Picture | None:
        """Return an image; None if there is none."""
        src = src.strip()
        if not src:
            return None
        if src.startswith(_MEDIA):
            file = self.context.media.get(src.removeprefix(_MEDIA))
            if file is None:
                self.refuse("blocks.media_missing")
                return None
            return Picture(self.attribute(file.url), file.width, self.attribute(file.alt))
        if placeholder := _PLACEHOLDER.fullmatch(src):
            url = f"{self.context.base_url}/static/img/placeholder/{placeholder[1]}.png"
            return Picture(self.attribute(url))
        if not is_safe_image(src):
            self.refuse("blocks.unsafe_image", url=src[:80])
            return None
        return Picture(self.attribute(src))

    def rich(
        self,
        content: RichText,
        ground: Paint,
        *,
        is_line: bool = False,
        otherwise: str = "accent",
    ) -> str:
        """Return a rich text on this background. With a mistake in it, the canvas shows plain text.

        `otherwise` is the name of the colour of links.
        """
        styles = InlineStyles(
            lambda: self._coloured("", otherwise, ground, ";text-decoration:underline"),
            lambda colour: self._coloured(colour, "text", ground),
            self.context.language,
        )
        try:
            return (rich_text.to_line if is_line else rich_text.to_html)(content, styles)
        except RichTextError as error:
            self.refuse(error.code, **error.params)
            return without_tags(rich_text.words_of(content)) if self.context.is_canvas else ""

    def _coloured(self, choice: str, otherwise: str, ground: Paint, more: str = "") -> str:
        paint = self.paints.ink(choice, otherwise, ground)
        return f'{self.marked("text", paint)} style="color:{paint.light}{more}"'

    def checked(self, mjml: str) -> str:
        """Return the MJML of a block; "" if a condition in its texts is not complete."""
        if "{%" not in mjml or self.context.is_canvas:
            return mjml
        tree = checker.parse("html", tokens.guard(mjml), mjml)
        if isinstance(tree, Problem):
            self._note(tree.reason.code, dict(tree.reason.params), True)
            return ""
        return mjml

    # --- classes ---------------------------------------------------------------------------

    def marked(self, purpose: str, paint: Paint, *more: str) -> str:
        """Return the attribute `class` of an element that has this colour."""
        return _attribute("class", (self.dark.name(purpose, paint), *more))

    def align(self, block: HeadingBlock | TextBlock | ButtonBlock) -> str:
        """Return the side of a block; unless it was chosen, that on which lines begin."""
        return block.align if "align" in block.model_fields_set else start(self.context.language)

    def css_class(self, block: AnyBlock | BlockColumn | Row | None, *names: str) -> str:
        """Return the attribute `css-class` of a block, which finds it, hides it and colours it.

        None: an element that is not a block.
        """
        if block is None:
            return _attribute("css-class", names)
        own = self._ids(block) if self.context.is_canvas else []
        hide_on: str = "" if isinstance(block, BlockColumn | FooterRow) else block.hide_on
        if isinstance(block, BlockSection):
            hide_on = hide_on or self.hide_on
        return _attribute("css-class", (*own, _HIDING[hide_on], *names))

    def _ids(self, block: AnyBlock | BlockColumn | Row) -> list[str]:
        """Return the classes by which the canvas finds a block."""
        if self.is_saved:
            return [f"b-{self.outer}"] if isinstance(block, BlockSection) else []
        return [f"b-{block.id}", f"b-{self.outer}"] if self.outer else [f"b-{block.id}"]

    # --- marks, which are replaced after every other step ----------------------------------

    def begin(self) -> str:
        """Return the mark at the beginning of the current block; see `marks`."""
        return (
            ""
            if self.context.is_canvas
            else f"<mj-raw>{{#{self.key}-block-{self.owner}#}}</mj-raw>"
        )

    def protect(self, code: str) -> str:
        """Return a mark for HTML of the author."""
        self.codes.append(tokens.normalise(code))
        return f"{{#{self.key}-code-{len(self.codes) - 1}#}}"


def _attribute(name: str, classes: Iterable[str]) -> str:
    value = " ".join(filter(None, classes))
    return f' {name}="{value}"' if value else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block is: the background behind it, and the width in pixels."""

    build: Build
    ground: Paint
    width: int

    @property
    def inner_width(self) -> int:
        """Width without the space at the sides."""
        return max(16, self.width - 2 * SIDE)
