"""Show a rendered email as clients do: in one theme, and with the line where Gmail clips it.

The results are for previews alone; what is sent stays as it is.
"""

import html as entities
import re

from campaigns.content.html.scanner import Text, read

CLIPPED_BYTES = 102 * 1024
"""Size from which Gmail shows only the beginning of an email."""
_THEME = re.compile(r"prefers-color-scheme\s*:\s*(dark|light)", re.IGNORECASE)
_ALWAYS, _NEVER = "min-width:0px", "max-width:0px"
_HEAD_END = re.compile(r"</head\s*>", re.IGNORECASE)
_INVERTED = (
    "html{background:#fff;filter:invert(1) hue-rotate(180deg)}"
    "img,video,[background],[style*='background-image']{filter:invert(1) hue-rotate(180deg)}"
)
_MARKER = (
    '<span style="display:block;margin:12px 0;border-top:3px dashed #dc2626;padding:6px 0;'
    'font:600 13px/1.4 sans-serif;color:#dc2626;background:#fff;text-align:center">%s</span>'
)


def has_dark_styles(html: str) -> bool:
    """Return whether an email has its own colours for dark mode."""
    return any(found[1].lower() == "dark" for found in _THEME.finditer(html))


def in_theme(html: str, *, is_dark: bool) -> str:
    """Return an email in light or dark mode, whatever the browser's own mode is.

    Without dark styles its colours are inverted, as in some email clients.
    """
    theme = "dark" if is_dark else "light"
    is_inverted = is_dark and not has_dark_styles(html)
    html = _THEME.sub(lambda found: _ALWAYS if found[1].lower() == theme else _NEVER, html)
    scheme = "light" if is_inverted else theme
    rules = f":root{{color-scheme:{scheme}!important}}" + (_INVERTED if is_inverted else "")
    end = _HEAD_END.search(html)
    at = end.start() if end else 0
    return f"{html[:at]}<style>{rules}</style>{html[at:]}"


def with_clipping_line(html: str, label: str) -> str:
    """Return an email with a line before the first text of which Gmail would not show all."""
    if len(html.encode("utf-8", "replace")) <= CLIPPED_BYTES:
        return html
    begin = len(html.encode("utf-8", "replace")[:CLIPPED_BYTES].decode("utf-8", "ignore"))
    for part in read(html):
        if not isinstance(part, Text) or part.end <= begin or part.is_hidden or part.raw_of:
            continue
        text = html[part.start : part.end]
        if text.strip():
            at = part.start + len(text) - len(text.lstrip())
            return html[:at] + _MARKER % entities.escape(label) + html[at:]
    return html
