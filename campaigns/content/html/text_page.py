"""Show a plain text message as a web page, for "View in browser"."""

import html
import re

from campaigns import formatting
from campaigns.content.html import direction

_URL = re.compile(
    r"https?://[!#-;=?-\[\]_a-z~\u00c0-\u06ff]*[#-&*+\-/0-9=@a-z_~\u00c0-\u06ff]", re.IGNORECASE
)
_PAGE = (
    '<!doctype html><html lang="%(language)s"%(direction)s><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><title>%(title)s</title>'
    "<style>:root { color-scheme: light dark; }</style></head>"
    '<body style="margin:0"><div style="max-width:42em;margin:0 auto;padding:24px 16px;'
    "font:16px/1.5 ui-monospace,Consolas,Menlo,monospace;white-space:pre-wrap;"
    'overflow-wrap:anywhere">%(text)s</div></body></html>'
)


def page_of_text(text: str, title: str, language: str) -> str:
    """Return a page with this text, whose web addresses are links."""
    pieces, position = list[str](), 0
    for url in _URL.finditer(text):
        pieces.append(html.escape(text[position : url.start()]))
        address = html.escape(url[0])
        pieces.append(f'<a href="{address}">{address}</a>')
        position = url.end()
    pieces.append(html.escape(text[position:]))
    return _PAGE % {
        "language": html.escape(formatting.language_tag(language)),
        "direction": direction.attribute(language),
        "title": html.escape(title),
        "text": "".join(pieces),
    }
