"""Colours and fonts in words."""

from flask_babel import lazy_gettext

COLOUR_WORDS = {
    "accent": (lazy_gettext("Accent"), lazy_gettext("Buttons and links")),
    "on_accent": (lazy_gettext("Button text"), lazy_gettext("On the accent color")),
    "heading": (lazy_gettext("Headings"), ""),
    "text": (lazy_gettext("Text"), ""),
    "muted": (lazy_gettext("Footer and captions"), ""),
    "background": (lazy_gettext("Outer background"), lazy_gettext("Around the email")),
    "surface": (lazy_gettext("Email background"), lazy_gettext("Behind the text")),
    "border": (lazy_gettext("Lines and borders"), ""),
}
"""Label and explanation of each colour."""
FONT_WORDS = {
    "sans": lazy_gettext("System sans-serif"),
    "serif": lazy_gettext("System serif"),
    "mono": lazy_gettext("Monospaced"),
    "arial": lazy_gettext("Arial"),
    "georgia": lazy_gettext("Georgia"),
    "verdana": lazy_gettext("Verdana"),
    "trebuchet": lazy_gettext("Trebuchet MS"),
    "times": lazy_gettext("Times New Roman"),
    "courier": lazy_gettext("Courier New"),
}
