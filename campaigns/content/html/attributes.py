"""Decode attribute values as browsers do, which differs from text.

In an attribute, a character reference without `;` that is followed by `=` or a letter or digit
is text (HTML standard, 13.2.5.73): `?a=1&copy=2&currency=EUR` is a literal URL, in which
`html.unescape` would find © and ¤.
"""

import re
from html import unescape
from html.entities import html5

from campaigns.content.html.tokens import OPEN

_REFERENCE = re.compile(r"&(?:#[xX][0-9a-fA-F]+;?|#[0-9]+;?|([A-Za-z][A-Za-z0-9]*)(;?))")


def decode(value: str) -> str:
    """Return the value of an attribute, with its character references decoded once."""
    if "&" not in value:
        return value
    return _REFERENCE.sub(_decoded, value)


def _decoded(found: re.Match[str]) -> str:
    name, end = found[1], found[2]
    if name is None:
        return unescape(found[0])
    # Next to a merge tag it is unknown what will follow.
    is_followed = not end and found.string[found.end() : found.end() + 1] in {"=", OPEN}
    if is_followed or f"{name}{end}" not in html5:
        return found[0]
    return html5[f"{name}{end}"]
