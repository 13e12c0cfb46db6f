"""The document of the block editor: rows of blocks, as JSON.

`docs/blocks.md` describes it for programs that write documents. Plain texts (labels, addresses,
alternative texts) may contain merge tags such as `{{ subscriber.first_name }}`; rich texts are the
editor's own JSON (`rich_text`). Colours are "#rrggbb", the name of a colour of the brand, or "" for
the usual one. Images are `media:<public id>`, a web address, `placeholder:<name>` (one of
static/img/placeholder) or "" for none yet.
"""

import secrets
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_BLOCKS = 600
MAX_COLUMNS = 4

Text = Annotated[str, Field(max_length=2_000)]
Url = Annotated[str, Field(max_length=4_000)]
ColourChoice = Annotated[
    str,
    Field(
        pattern=r"^(#[0-9a-f]{6}|accent|on_accent|heading|text|muted|background|surface|border)?$"
    ),
]
Align = Literal["left", "center", "right"]
BlockId = Annotated[str, Field(pattern=r"^[a-z0-9]{4,16}$")]
RichText = dict[str, Any]
"""A document of the rich text editor; see `rich_text`."""
Space = Annotated[int, Field(ge=0, le=120)]


def new_id() -> str:
    """Return an id for a block."""
    return secrets.token_hex(4)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldCondition(_Strict):
    """Show a block only to recipients whose field fits. `field` is a merge tag without braces."""

    kind: Literal["field"]
    field: Annotated[str, Field(max_length=200)]
    op: Literal["is", "is_not", "contains", "has_value", "no_value", "at_least", "at_most"]
    value: Text = ""


class SegmentCondition(_Strict):
    """Show a block only to recipients who are in a segment, or who are not.

    Who is in it is frozen with the audience. `segment` is its public id.
    """

    kind: Literal["segment"]
    segment: Annotated[str, Field(max_length=12)]
    is_in: bool = True


Condition = Annotated[FieldCondition | SegmentCondition, Field(discriminator="kind")]


class _Block(_Strict):
    id: BlockId = Field(default_factory=new_id)
    when: Condition | None = None
    hide_on: Literal["", "phone", "desktop"] = ""


class HeadingBlock(_Block):
    """A heading. Its rich text has one paragraph."""

    type: Literal["heading"]
    content: RichText
    level: Annotated[int, Field(ge=1, le=3)] = 2
    align: Align = "left"
    colour: ColourChoice = ""


class TextBlock(_Block):
    """Paragraphs and lists."""

    type: Literal["text"]
    content: RichText
    align: Align = "left"
    colour: ColourChoice = ""
    size: Annotated[int, Field(ge=0, le=48)] = 0
    """Font size in pixels; 0: that of the brand."""


class ImageBlock(_Block):
    """An image. `width`: in pixels; 0: as wide as its column."""

    type: Literal["image"]
    src: Url = ""
    alt: Text = ""
    link: Url = ""
    width: Annotated[int, Field(ge=0, le=1200)] = 0
    align: Align = "center"
    radius: Annotated[int, Field(ge=0, le=60)] = 0
    dark_src: Url = ""
    """Shown instead in dark mode; "" for the same."""
    is_flush: bool = False
    """Whether it reaches the edges of its column, without space around it."""


class LogoBlock(_Block):
    """The logo of the brand. "" and 0: what the brand says."""

    type: Literal["logo"]
    alt: Text = ""
    link: Url = ""
    width: Annotated[int, Field(ge=0, le=600)] = 0
    align: Align = "center"


class ButtonBlock(_Block):
    """A link that looks like a button. `radius` -1: that of the brand."""

    type: Literal["button"]
    label: Text
    link: Url = ""
    align: Align = "left"
    is_wide: bool = False
    background: ColourChoice = ""
    colour: ColourChoice = ""
    radius: Annotated[int, Field(ge=-1, le=40)] = -1


class DividerBlock(_Block):
    """A horizontal line."""

    type: Literal["divider"]
    colour: ColourChoice = ""
    thickness: Annotated[int, Field(ge=1, le=12)] = 1
    width: Annotated[int, Field(ge=10, le=100)] = 100
    """In percent of the column."""


class SpacerBlock(_Block):
    """Empty space, in pixels."""

    type: Literal["spacer"]
    height: Annotated[int, Field(ge=4, le=200)] = 24


class SocialEntry(_Strict):
    """One profile."""

    network: Annotated[str, Field(max_length=20)]
    url: Url


class SocialBlock(_Block):
    """Links to profiles. Without entries those of the brand."""

    type: Literal["social"]
    entries: Annotated[list[SocialEntry], Field(max_length=20)] = []
    align: Align = "center"
    size: Annotated[int, Field(ge=16, le=48)] = 24


class ProductBlock(_Block):
    """A product: image, title, text, price and button. `layout`: where the image is."""

    type: Literal["product"]
    image: Url = ""
    alt: Text = ""
    title: Text
    text: Text = ""
    price: Text = ""
    old_price: Text = ""
    label: Text = ""
    link: Url = ""
    layout: Literal["top", "left"] = "top"


class QuoteBlock(_Block):
    """A quotation with its author."""

    type: Literal["quote"]
    content: RichText
    author: Text = ""
    role: Text = ""
    image: Url = ""


class VideoBlock(_Block):
    """The still image of a video, linked to it: no email client plays videos."""

    type: Literal["video"]
    link: Url = ""
    image: Url = ""
    alt: Text = ""


class HtmlBlock(_Block):
    """HTML as its author wrote it, inside a column."""

    type: Literal["html"]
    code: Annotated[str, Field(max_length=200_000)] = ""


class RepeatBlock(_Block):
    """Blocks repeated for each item of a field, such as `subscriber.products` or `feed.items`.

    Its blocks show parts of an item as `{{ item.<name> }}`, or the item itself as `{{ item }}`.
    """

    type: Literal["repeat"]
    each: Annotated[str, Field(max_length=200)] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    blocks: Annotated[list["SimpleBlock"], Field(max_length=50)] = []


_Media = ImageBlock | LogoBlock | ProductBlock | QuoteBlock | VideoBlock
_Plain = ButtonBlock | DividerBlock | SpacerBlock | SocialBlock | HtmlBlock
_Simple = HeadingBlock | TextBlock | _Media | _Plain
SimpleBlock = Annotated[_Simple, Field(discriminator="type")]
AnyBlock = Annotated[_Simple | RepeatBlock, Field(discriminator="type")]


class BlockColumn(_Strict):
    """A column of a section. `width`: in percent; 0: an equal share."""

    id: BlockId = Field(default_factory=new_id)
    width: Annotated[int, Field(ge=0, le=100)] = 0
    vertical_align: Literal["top", "middle", "bottom"] = "top"
    background: ColourChoice = ""
    blocks: list[AnyBlock] = []


class BlockSection(_Block):
    """A row of one to four columns. `is_full`: its background is as wide as the window."""

    type: Literal["section"]
    columns: Annotated[list[BlockColumn], Field(min_length=1, max_length=MAX_COLUMNS)]
    background: ColourChoice = ""
    background_image: Url = ""
    padding_top: Space = 16
    padding_bottom: Space = 16
    is_full: bool = False
    stacks: bool = True
    """Whether its columns are below each other on phones."""


class SavedRows(_Block):
    """The rows of a saved block, by its public id."""

    type: Literal["saved"]
    saved: Annotated[str, Field(max_length=12)]


class FooterRow(_Block):
    """The legal footer: postal address, unsubscribe link, view in browser. Always the last row."""

    type: Literal["footer"]
    content: RichText | None = None
    """Text above the links; None: that of the brand."""
    align: Align = "center"
    shows_social: bool = False


Row = Annotated[BlockSection | SavedRows | FooterRow, Field(discriminator="type")]


class Document(_Strict):
    """An email. `width` in pixels; `background` around it and `surface` behind its text."""

    version: Literal[1] = 1
    width: Annotated[int, Field(ge=320, le=800)] = 600
    background: ColourChoice = ""
    surface: ColourChoice = ""
    rows: Annotated[list[Row], Field(max_length=MAX_BLOCKS)] = []
