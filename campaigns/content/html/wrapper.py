"""Wrap a campaign's content: page shell, preheader, footer, open pixel.

The snippets are template source, as recipients are on different lists. They contain no line break,
so that line numbers match the user's text.
"""

import html
from collections.abc import Collection, Sequence

from campaigns import formatting
from campaigns.content.html import direction
from campaigns.content.html.links import Edit
from campaigns.content.html.scanner import HtmlTag, Text
from campaigns.content.html.tokens import MARK, Guarded
from campaigns.wording import Words

_SHELL_HEAD = (
    '<!doctype html><html lang="%(language)s"%(direction)s><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    '<meta name="color-scheme" content="light dark">'
    '<meta name="supported-color-schemes" content="light dark">'
    '<meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no">'
    '<meta name="x-apple-disable-message-reformatting">'
    "<title>{{ campaign.subject }}</title>"
    "<style>:root { color-scheme: light dark; supported-color-schemes: light dark; }"
    " body { -webkit-text-size-adjust: 100%%; -ms-text-size-adjust: 100%%; }"
    " table, td { mso-table-lspace: 0pt; mso-table-rspace: 0pt; }"
    " img { max-width: 100%%; height: auto; border: 0; outline: none; text-decoration: none;"
    " -ms-interpolation-mode: bicubic; }"
    " h1, h2, h3, h4, h5, h6 { line-height: 1.3; }"
    " p, ul, ol { margin: 0 0 16px; padding: 0; } ul, ol { padding-left: 24px; }"
    " li { margin: 0 0 4px; } th { text-align: left; } figure { margin: 0 0 16px; }"
    " pre, code { font-family: Consolas, Menlo, monospace; font-size: 14px; }"
    " pre { white-space: pre-wrap; overflow-wrap: anywhere; }"
    " blockquote { margin: 16px 0; padding: 0 0 0 16px; border-left: 3px solid #d4d4dc; }"
    " hr { border: 0; border-top: 1px solid #d4d4dc; margin: 24px 0; }"
    " a[x-apple-data-detectors], .x-gmail-data-detectors a { color: inherit !important;"
    " text-decoration: inherit !important; font: inherit !important; }"
    " @media (prefers-color-scheme: dark) { .list-footer, .list-footer a { color: #a3a3a3"
    " !important; } blockquote, hr { border-color: #4a4a55 !important; } }"
    " [data-ogsc] .list-footer, [data-ogsc] .list-footer a { color: #a3a3a3 !important; }</style>"
    '<!--[if mso]><noscript><xml><o:OfficeDocumentSettings xmlns:o="urn:schemas-microsoft-com:'
    'office:office"><o:AllowPNG/><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings>'
    "</xml></noscript><style>table { border-collapse: collapse; } body, table, td, div, p, a, li,"
    " h1, h2, h3 { font-family: 'Segoe UI', Arial, sans-serif !important; }</style><![endif]-->"
    '</head><body style="margin:0;padding:0">'
)
"""Makes content look alike in all email clients.

Filters take short pages with an image for spam, even if it is only the open pixel; these rules make
a page long enough.
"""
_SHELL_OPEN = (
    '<table role="presentation"%(direction)s width="100%%" cellpadding="0" cellspacing="0"'
    ' border="0"><tr>'
    '<td align="center" style="padding:24px 16px"><table role="presentation" width="600"'
    ' cellpadding="0" cellspacing="0" border="0" style="width:100%%;max-width:600px"><tr>'
    '<td align="left" style="font-family:-apple-system,BlinkMacSystemFont,Segoe UI,Roboto,Arial,'
    'sans-serif;font-size:16px;line-height:1.6;text-align:left">'
)
_SHELL_CLOSE = "</td></tr></table></td></tr></table>"
_SHELL_END = "</body></html>"

_PREHEADER = (
    '{% if preheader %}<div style="display:none;font-size:1px;line-height:1px;max-height:0;'
    'max-width:0;opacity:0;overflow:hidden;mso-hide:all">{{ preheader }}'
    + "&#847;&zwnj;&nbsp;" * 60
    + "</div>{% endif %}"
)

# Legible on white and on black: email clients in dark mode may change either.
_GREY = "#757575"
_LINK = f'style="color:{_GREY};text-decoration:underline"'


class Parts:
    """The required parts that are missing in the template.

    `shown` are the merge tags that appear whatever its conditions say. `language` is that of
    the recipients: the words of these parts are ours.
    """

    def __init__(self, shown: Collection[str], language: str = formatting.DEFAULT_LOCALE) -> None:
        self.language = language
        self.unsubscribe = "unsubscribe_url" not in shown
        self.view = "view_url" not in shown
        # Our footer has everything in one place; without it only missing parts are added.
        self.identity = self.unsubscribe or "sender.identity" not in shown
        self.postal = self.unsubscribe or "sender.postal_address" not in shown


def footer_html(parts: Parts) -> str:
    """Return the template source of the footer; "" if nothing is missing."""
    lines = _lines(parts, "<br>", postal="_postal")
    if parts.unsubscribe:
        leave = _html(parts, "footer.unsubscribe")
        lines.append(f'<a href="{{{{ unsubscribe_url }}}}" {_LINK}>{leave}</a>')
    if parts.view:
        between = "&nbsp; · &nbsp;" if parts.unsubscribe else ""
        view = _html(parts, "footer.view")
        lines.append(
            f'{{% if _in_mail %}}{between}<a href="{{{{ view_url }}}}" {_LINK}>{view}</a>'
            "{% endif %}"
        )
    if not lines:
        return ""
    return (
        f'<table role="presentation"{direction.attribute(parts.language)} width="100%"'
        ' cellpadding="0" cellspacing="0" border="0"><tr>'
        '<td class="list-footer" align="center" style="padding:24px 16px;'
        "font-family:Arial,Helvetica,sans-serif;"
        f'font-size:12px;line-height:18px;color:{_GREY};text-align:center">'
        + "".join(lines)
        + "</td></tr></table>"
    )


def footer_text(parts: Parts) -> str:
    """Return the template source of the footer of the text part."""
    lines = _lines(parts, "\n", postal="sender.postal_address")
    if parts.unsubscribe:
        link = {"link": "{{ unsubscribe_url }}"}
        lines.append(Words(parts.language).sentence("footer.unsubscribe_at", link) + "\n")
    return "\n\n----------\n" + "".join(lines) if lines else "\n"


def _html(parts: Parts, code: str) -> str:
    return html.escape(Words(parts.language).sentence(code), quote=False)


def _lines(parts: Parts, end: str, *, postal: str) -> list[str]:
    """Return the lines that say why the recipient gets this email, and who sends it.

    `postal` is the variable that holds the postal address in the form of this part.
    """
    lines = []
    if parts.unsubscribe:
        why = Words(parts.language).sentence("footer.why", {"list": "{{ list.name }}"})
        why = why if end == "\n" else html.escape(why, quote=False)
        lines.append(f"{{% if list.name %}}{why}{end}{{% endif %}}")
    if parts.identity:
        lines.append(f"{{% if sender.identity %}}{{{{ sender.identity }}}}{end}{{% endif %}}")
    if parts.postal:
        lines.append(f"{{% if sender.postal_address %}}{{{{ {postal} }}}}{end}{{% endif %}}")
    return lines


def frame(guarded: Guarded, read: Sequence[HtmlTag | Text], parts: Parts) -> list[Edit]:
    """Return the insertions around and into the guarded HTML. `read`: its parts."""
    page = guarded.text
    tags = [part for part in read if isinstance(part, HtmlTag) and not part.is_hidden]
    first = {tag.name: tag for tag in reversed(tags) if not tag.is_end}
    closing = {tag.name: tag for tag in tags if tag.is_end}
    footer = guarded.add(footer_html(parts) + "{{ _pixel }}")
    preheader = guarded.add(_PREHEADER)
    if not {"html", "body", "head"} & first.keys():
        head, opening = _shell(parts.language)
        begin = guarded.add(head) + preheader + guarded.add(opening)
        end = guarded.add(_SHELL_CLOSE) + footer + guarded.add(_SHELL_END)
        return [(0, 0, begin), (len(page), len(page), end)]
    top = 0
    if "body" in first:
        top = first["body"].end
    elif "head" in closing:
        top = closing["head"].end
    elif "html" in first:
        top = first["html"].end
    bottom = len(page)
    for name in ("body", "html"):
        tag = closing.get(name)
        if tag is not None and tag.start >= top and not _depth(page[: tag.start], guarded):
            bottom = tag.start
            break
    return [(top, top, preheader), (bottom, bottom, footer)]


def _shell(language: str) -> tuple[str, str]:
    """Return what comes before the preheader, and between it and the content."""
    values = {
        "language": html.escape(formatting.language_tag(language)),
        "direction": direction.attribute(language),
    }
    head, opening = (direction.sided(code, language) for code in (_SHELL_HEAD, _SHELL_OPEN))
    return head % values, opening % values


def _depth(page: str, guarded: Guarded) -> int:
    """Return how many conditions and loops are open at the end of this piece."""
    words = [guarded.token(mark).keyword for mark in MARK.finditer(page)]
    opened = sum(word in {"if", "for"} for word in words)
    return opened - sum(word in {"endif", "endfor"} for word in words)
