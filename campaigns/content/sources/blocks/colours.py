"""Colours of a document in light and in dark mode, so that every text can be read.

A colour with a name follows the brand into dark mode; one written as "#rrggbb" is the author's and
stays. Text is checked against what is behind it.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from campaigns.content.brand_style import BrandStyle

LEGIBLE = 4.5
"""Smallest contrast of a text with its background (WCAG 2.2, AA)."""
LEGIBLE_IN_BRAND = 3.0
"""The same for the colours that a brand itself puts together."""


@dataclass(frozen=True, slots=True)
class Paint:
    """A colour in both modes."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Paints:
    """The colours of a brand."""

    brand: BrandStyle

    def named(self, name: str) -> Paint:
        """Return a colour by its name in the palette."""
        return Paint(getattr(self.brand.light, name), getattr(self.brand.dark, name))

    def ground(self, choice: str, otherwise: str) -> Paint:
        """Return a background. `otherwise`: the name of the usual one."""
        if choice.startswith("#"):
            return Paint(choice, choice)
        return self.named(choice or otherwise)

    def ink(self, choice: str, otherwise: str, ground: Paint) -> Paint:
        """Return the colour of a text on this background. `otherwise`: the name of the usual one.

        What the author chose is kept in light mode; everything else is made legible.
        """
        if choice.startswith("#"):
            return Paint(choice, self._legible(choice, ground.dark))
        paint = self.named(choice or otherwise)
        light = paint.light if choice else self._legible(paint.light, ground.light)
        if ground.dark == ground.light:
            return Paint(light, light)
        return Paint(light, self._legible(paint.dark, ground.dark))

    def _legible(self, colour: str, ground: str) -> str:
        light, dark = self.brand.light, self.brand.dark
        is_usual = ground in {light.surface, light.background, dark.surface, dark.background}
        if contrast(colour, ground) >= (LEGIBLE_IN_BRAND if is_usual else LEGIBLE):
            return colour
        known = (light.text, light.on_accent, dark.text, "#ffffff", "#111111")
        return max(known, key=lambda one: contrast(one, ground))


@lru_cache(4_096)
def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    bright, dim = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


_TEXT = ("{0}", "{0} div")
_SELECTORS = {
    "text": _TEXT,
    "body": ("{0}", "body"),
    "section": ("{0}", "{0}>table"),
    "full": ("{0}",),
    "column": ("{0}>table",),
    "cell": ("{0}",),
    "button": ("{0} td", "{0} a"),
    "label": ("{0} a",),
    "line": ("{0} p",),
    "edge": ("{0}",),
}
"""What a class of each purpose applies to. `{0}` is the class."""
_DECLARATIONS = {
    "text": "color:{0}!important",
    "label": "color:{0}!important",
    "line": "border-top-color:{0}!important",
    "edge": "border-color:{0}!important",
}
_FILL = "background:{0}!important"


@dataclass(slots=True)
class DarkMode:
    """The colours that differ in dark mode, as classes."""

    classes: dict[tuple[str, str], str] = field(default_factory=dict)

    def name(self, purpose: str, paint: Paint) -> str:
        """Return the class of an element; "" if it looks the same in both modes."""
        if paint.light == paint.dark:
            return ""
        return self.classes.setdefault((purpose, paint.dark), f"d{len(self.classes)}")

    def css(self) -> str:
        """Return the rules, for programs that follow the system and for Outlook's."""
        rules = [(name, *key) for key, name in self.classes.items()]
        system = "".join(_rule("", *rule) for rule in rules)
        outlook = "".join(
            _rule("[data-ogsc] " if purpose in _DECLARATIONS else "[data-ogsb] ", *rule)
            for rule in rules
            for purpose in (rule[1],)
        )
        return f"@media (prefers-color-scheme:dark){{{system}}}{outlook}" if rules else ""


def _rule(prefix: str, name: str, purpose: str, colour: str) -> str:
    selectors = ",".join(prefix + one.format(f".{name}") for one in _SELECTORS[purpose])
    return f"{selectors}{{{_DECLARATIONS.get(purpose, _FILL).format(colour)}}}"
