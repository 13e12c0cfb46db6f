"""A brand: how emails of one sender look, and what they end with."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Font = Literal[
    "sans", "serif", "mono", "arial", "georgia", "verdana", "trebuchet", "times", "courier"
]
Network = Literal[
    "facebook", "instagram", "linkedin", "mastodon", "bluesky", "x", "youtube", "tiktok", "threads",
    "pinterest", "github", "website", "email",
]  # fmt: skip
NETWORK_NAMES = {
    "facebook": "Facebook",
    "instagram": "Instagram",
    "linkedin": "LinkedIn",
    "mastodon": "Mastodon",
    "bluesky": "Bluesky",
    "x": "X",
    "youtube": "YouTube",
    "tiktok": "TikTok",
    "threads": "Threads",
    "pinterest": "Pinterest",
    "github": "GitHub",
}
"""Names that are the same in every language."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Palette(_Part):
    """The colours of one theme.

    `background` is around the email, `surface` behind its text; `accent` is for buttons and
    links, `on_accent` for the text of buttons.
    """

    accent: Colour
    on_accent: Colour
    heading: Colour
    text: Colour
    muted: Colour
    background: Colour
    surface: Colour
    border: Colour


LIGHT = Palette(
    accent="#4338ca", on_accent="#ffffff", heading="#1c1c28", text="#33333f", muted="#6b6b7b",
    background="#f4f4f7", surface="#ffffff", border="#e2e2ea",
)  # fmt: skip
DARK = Palette(
    accent="#a5b4fc", on_accent="#1c1c28", heading="#f5f5fa", text="#d6d6e0", muted="#a3a3b3",
    background="#15151d", surface="#1f1f2a", border="#3a3a48",
)  # fmt: skip


class SocialLink(_Part):
    """A profile of the sender."""

    network: Network
    url: Annotated[str, Field(max_length=2000)]


class BrandStyle(_Part):
    """The design of a sender's emails.

    `logo`: `media:<public id>`, a web address or "". Sizes are in pixels. `postal_address`: ""
    for that of the workspace. `footer`: a sentence above the links of the footer.
    """

    logo: Annotated[str, Field(max_length=2000)] = ""
    logo_alt: Annotated[str, Field(max_length=200)] = ""
    logo_width: Annotated[int, Field(ge=16, le=600)] = 160
    logo_link: Annotated[str, Field(max_length=2000)] = ""
    light: Palette = LIGHT
    dark: Palette = DARK
    heading_font: Font = "sans"
    body_font: Font = "sans"
    font_size: Annotated[int, Field(ge=12, le=24)] = 16
    button_radius: Annotated[int, Field(ge=0, le=40)] = 6
    corner_radius: Annotated[int, Field(ge=0, le=40)] = 8
    footer: Annotated[str, Field(max_length=1000)] = ""
    postal_address: Annotated[str, Field(max_length=500)] = ""
    social: Annotated[tuple[SocialLink, ...], Field(max_length=13)] = ()


def stored_style(stored: object) -> BrandStyle:
    """Return the style that some release stored; unknown or unreadable values get the defaults."""
    values = dict(stored) if isinstance(stored, Mapping) else {}
    for theme, usual in (("light", LIGHT), ("dark", DARK)):
        own = values.get(theme)
        values[theme] = {**usual.model_dump(), **(own if isinstance(own, Mapping) else {})}
    try:
        return BrandStyle.model_validate(values, extra="ignore")
    except ValidationError as error:
        unreadable = {detail["loc"][0] for detail in error.errors()}
        kept = {name: value for name, value in values.items() if name not in unreadable}
        return BrandStyle.model_validate(kept, extra="ignore")
