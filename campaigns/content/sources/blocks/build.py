"""What the compilation of one document collects and shares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from campaigns.content.sources.blocks import rich_text
from campaigns.content.sources.blocks.colours import DarkMode, Paint, Paints
from campaigns.content.sources.blocks.document import (
    AnyBlock,
    BlockColumn,
    FooterRow,
    RichText,
    Row,
)
from campaigns.content.sources.blocks.markup import (
    BrokenTagError,
    attribute,
    escaped,
    is_safe_image,
    is_safe_link,
)
from campaigns.content.sources.blocks.rich_text import InlineStyles, RichTextError
from campaigns.content.sources.source import SourceContext
from campaigns.content.templating.problems import Problem
from campaigns.reason import Parameter, Reason
from campaigns.wording import Words

_MEDIA = "media:"


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, ready for an attribute. Sizes are in pixels; 0: unknown."""

    src: str
    width: int = 0
    alt: str = ""


@dataclass(slots=True)
class Build:
    """One compilation. `owner`: id of the block being compiled, to which problems belong."""

    context: SourceContext
    owner: str = ""
    paints: Paints = field(init=False)
    dark: DarkMode = field(default_factory=DarkMode)
    problems: list[Problem] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    """HTML of the author, which no step may touch."""
    words: Words = field(init=False)

    def __post_init__(self) -> None:
        self.paints = Paints(self.context.brand)
        self.words = Words(self.context.language)

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
        except BrokenTagError:
            self.refuse("template.tag_not_closed")
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
        if not is_safe_image(src):
            self.refuse("blocks.unsafe_image", url=src[:80])
            return None
        return Picture(self.attribute(src))

    def rich(self, content: RichText, ground: Paint, *, is_line: bool = False) -> str:
        """Return a rich text on this background; "" if it cannot be read."""
        styles = InlineStyles(
            lambda: self._coloured("", "accent", ground, ";text-decoration:underline"),
            lambda colour: self._coloured(colour, "text", ground),
        )
        try:
            return (rich_text.to_line if is_line else rich_text.to_html)(content, styles)
        except RichTextError as error:
            self.refuse(error.code, **error.params)
            return ""

    def _coloured(self, choice: str, otherwise: str, ground: Paint, more: str = "") -> str:
        paint = self.paints.ink(choice, otherwise, ground)
        return f'{self.marked("text", paint)} style="color:{paint.light}{more}"'

    # --- classes ---------------------------------------------------------------------------

    def marked(self, purpose: str, paint: Paint, *more: str) -> str:
        """Return the attribute `class` of an element that has this colour."""
        return _attribute("class", (self.dark.name(purpose, paint), *more))

    def css_class(self, block: AnyBlock | BlockColumn | Row | None, *names: str) -> str:
        """Return the attribute `css-class` of a block: what finds it, hides it and colours it.

        None: an element that is no block of its own.
        """
        own = [f"b-{block.id}"] if self.context.is_canvas and block is not None else []
        if block is not None and not isinstance(block, BlockColumn | FooterRow) and block.hide_on:
            own.append("no-phone" if block.hide_on == "phone" else "only-phone")
        return _attribute("css-class", (*own, *names))

    # --- the author's code -----------------------------------------------------------------

    def protect(self, code: str) -> str:
        """Return a mark for HTML that is put in after every other step."""
        self.codes.append(code)
        return f"{{#code-{len(self.codes) - 1}#}}"

    def restore(self, html: str) -> str:
        """Return the compiled HTML with the code in place of its marks."""
        if not self.codes:
            return html
        pieces = html.split("{#code-")
        return pieces[0] + "".join(map(self._restored, pieces[1:]))

    def _restored(self, piece: str) -> str:
        number, _, rest = piece.partition("#}")
        return self.codes[int(number)] + rest


def _attribute(name: str, classes: Iterable[str]) -> str:
    value = " ".join(filter(None, classes))
    return f' {name}="{value}"' if value else ""
