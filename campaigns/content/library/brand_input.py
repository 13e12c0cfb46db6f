"""What the form of a brand says, and the style that it makes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args
from urllib.parse import urlsplit

from campaigns import addresses
from campaigns.content.brand_style import (
    BrandStyle,
    Font,
    Network,
    Palette,
    SocialLink,
)
from campaigns.content.sources.blocks.colours import contrast
from campaigns.inputs import one_line, several_lines
from campaigns.reason import Reason

THEMES = ("light", "dark")
COLOURS = tuple(Palette.model_fields)
NETWORKS: tuple[Network, ...] = get_args(Network)
BRAND_FONTS: tuple[Font, ...] = get_args(Font)
READABLE = 4.5
"""Contrast of text with its background from which it is easy to read (WCAG 2.2, AA)."""

_LINES = {"logo_alt": 200}
_PARAGRAPHS = {"footer": 1000, "postal_address": 500}
"""Longest texts, in characters."""
_NUMBERS = {
    "logo_width": (16, 600),
    "font_size": (12, 24),
    "button_radius": (0, 40),
    "corner_radius": (0, 40),
}
"""Smallest and largest sizes, in pixels."""
_MAX_URL = 2000
_COLOUR = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")
_MEDIA = re.compile(r"media:[A-Za-z0-9]{12}")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[/?#:].*)?")
_NOT_IN_URLS = re.compile(r"[\s<>\"{}\\^`|]")
_TEXTS_ON = (
    ("heading", "surface"),
    ("text", "surface"),
    ("accent", "surface"),
    ("on_accent", "accent"),
    ("muted", "background"),
)
"""Colours of texts, each with the colour behind it."""
_LIGHT_CODES = (
    "brand_form.light_heading_faint", "brand_form.light_text_faint", "brand_form.light_link_faint",
    "brand_form.light_button_faint", "brand_form.light_footer_faint",
)  # fmt: skip
_DARK_CODES = (
    "brand_form.dark_heading_faint", "brand_form.dark_text_faint", "brand_form.dark_link_faint",
    "brand_form.dark_button_faint", "brand_form.dark_footer_faint",
)  # fmt: skip

STYLE_FIELDS = (
    "logo", *_LINES, "logo_width", "logo_link",
    *(f"{theme}_{colour}" for theme in THEMES for colour in COLOURS),
    "heading_font", "body_font", "font_size", "button_radius", "corner_radius",
    *_PARAGRAPHS,
    *(f"social_{network}" for network in NETWORKS),
)  # fmt: skip
"""Names of the form's fields that are part of the style."""


@dataclass(frozen=True, slots=True)
class BrandInput:
    """A brand as typed into the form. `texts`: one for each of STYLE_FIELDS."""

    name: str
    sender: str
    """Public id of a sender address; "" for the default one."""
    is_default: bool
    texts: Mapping[str, str]

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Self:
        """Read each field by its name. A missing text is empty, and a missing checkbox off."""
        return cls(
            form.get("name", ""),
            form.get("sender", ""),
            bool(form.get("is_default")),
            {name: form.get(name, "") for name in STYLE_FIELDS},
        )


def texts_of(style: BrandStyle) -> dict[str, str]:
    """Return the style as texts of the form."""
    values: dict[str, Any] = {
        **style.model_dump(exclude={*THEMES, "social"}),
        **{f"light_{name}": value for name, value in style.light.model_dump().items()},
        **{f"dark_{name}": value for name, value in style.dark.model_dump().items()},
        **{f"social_{link.network}": link.url for link in style.social},
    }
    return {name: str(values.get(name, "")) for name in STYLE_FIELDS}


def style_from(texts: Mapping[str, str]) -> tuple[BrandStyle, dict[str, Reason]]:
    """Return the style, and what is wrong by field. Fields with problems get default values."""
    reader = _StyleReader(texts, {})
    return reader.style(), reader.problems


def low_contrasts(style: BrandStyle) -> list[Reason]:
    """Return the texts that are hard to read, in light and in dark mode."""
    found = []
    for palette, codes in ((style.light, _LIGHT_CODES), (style.dark, _DARK_CODES)):
        for (colour, behind), code in zip(_TEXTS_ON, codes, strict=True):
            ratio = contrast(getattr(palette, colour), getattr(palette, behind))
            if ratio < READABLE:
                found.append(Reason(code, {"ratio": f"{ratio:.1f}"}))
    return found


@dataclass(frozen=True, slots=True)
class _StyleReader:
    """Reads texts; `problems` collects what is wrong with each."""

    texts: Mapping[str, str]
    problems: dict[str, Reason]

    def style(self) -> BrandStyle:
        """Return a valid style, whatever the texts say."""
        usual = BrandStyle()
        values: dict[str, Any] = {
            "logo": self._logo(),
            "logo_link": self._link("logo_link"),
            "light": self._palette("light", usual.light),
            "dark": self._palette("dark", usual.dark),
            "social": tuple(self._social()),
        }
        for name, most in _LINES.items():
            values[name] = self._short(name, one_line(self._text(name)), most)
        for name, most in _PARAGRAPHS.items():
            values[name] = self._short(name, several_lines(self._text(name)), most)
        for name, (least, most) in _NUMBERS.items():
            values[name] = self._number(name, least, most, getattr(usual, name))
        for name in ("heading_font", "body_font"):
            values[name] = self._font(name, getattr(usual, name))
        return BrandStyle(**values)

    def _text(self, name: str) -> str:
        return self.texts.get(name, "")

    def _refuse(self, name: str, code: str, **params: str | int) -> None:
        self.problems[name] = Reason(code, params)

    def _short(self, name: str, text: str, most: int) -> str:
        if len(text) > most:
            self._refuse(name, "brand_form.too_long", most=most)
            return ""
        return text

    def _number(self, name: str, least: int, most: int, usual: int) -> int:
        text = one_line(self._text(name))
        if text.isascii() and text.isdecimal() and len(text) <= 4 and least <= int(text) <= most:
            return int(text)
        self._refuse(name, "brand_form.bad_number", least=least, most=most)
        return usual

    def _font(self, name: str, usual: Font) -> Font:
        text = self._text(name)
        for font in BRAND_FONTS:
            if font == text:
                return font
        self._refuse(name, "brand_form.bad_font")
        return usual

    def _palette(self, theme: str, usual: Palette) -> Palette:
        return Palette(
            **{
                colour: self._colour(f"{theme}_{colour}", getattr(usual, colour))
                for colour in COLOURS
            }
        )

    def _colour(self, name: str, usual: str) -> str:
        found = _COLOUR.fullmatch(one_line(self._text(name)).lower())
        if found is None:
            self._refuse(name, "brand_form.bad_colour")
            return usual
        digits = found[1]
        return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))

    def _logo(self) -> str:
        text = one_line(self._text("logo"))
        if not text or _MEDIA.fullmatch(text):
            return text
        url = web_address(text)
        if not url:
            self._refuse("logo", "brand_form.bad_logo")
        return url

    def _link(self, name: str) -> str:
        text = one_line(self._text(name))
        url = web_address(text) if text else ""
        if text and not url:
            self._refuse(name, "brand_form.bad_link")
        return url

    def _social(self) -> list[SocialLink]:
        links = []
        for network in NETWORKS:
            name = f"social_{network}"
            url = self._email(name) if network == "email" else self._link(name)
            if url:
                links.append(SocialLink(network=network, url=url))
        return links

    def _email(self, name: str) -> str:
        text = one_line(self._text(name)).removeprefix("mailto:")
        if not text:
            return ""
        try:
            return f"mailto:{addresses.parse(text).text}"
        except addresses.InvalidAddressError as error:
            self.problems[name] = error.reason
            return ""


def web_address(text: str) -> str:
    """Return a web address with its scheme, which may be left out; "" for any other text."""
    if _DOMAIN.fullmatch(text):
        text = f"https://{text}"
    if len(text) > _MAX_URL or _NOT_IN_URLS.search(text):
        return ""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return ""
    return text if is_address else ""
