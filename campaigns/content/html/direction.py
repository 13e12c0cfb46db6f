"""The direction of a language: in right-to-left ones, left and right are swapped."""

import re

_RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_SIDE = re.compile(r"\b(?:left|right)\b")
_BOX = re.compile(
    r"\b((?:padding|margin):\s?[^\s:;]{1,20}) ([^\s;]{1,20}) ([^\s;]{1,20}) ([^\s;}\"]{1,20})"
)


def is_rtl(language: str) -> bool:
    """Return whether a language is written from right to left, given as locale or HTML tag."""
    return re.split("[-_]", language)[0].lower() in _RIGHT_TO_LEFT


def attribute(language: str) -> str:
    """Return the attribute `dir` for a language, with a space before it; "" for left to right."""
    return ' dir="rtl"' if is_rtl(language) else ""


def start(language: str) -> str:
    """Return the side on which lines begin: `left` or `right`."""
    return "right" if is_rtl(language) else "left"


def sided(code: str, language: str) -> str:
    """Return our own HTML or CSS, written for left to right, with the sides of a language."""
    if not is_rtl(language):
        return code
    code = _BOX.sub(r"\1 \4 \3 \2", code)
    return _SIDE.sub(lambda side: "left" if side[0] == "right" else "right", code)
