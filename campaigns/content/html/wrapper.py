"""What every campaign gets around its content: page shell, preheader, footer, open pixel.

The snippets are template source, as each recipient is subscribed to other lists. They contain no
line break, so that line numbers stay those of the user's text.
"""

from collections.abc import Collection, Sequence

from campaigns.content.html.links import Edit
from campaigns.content.html.scanner import Tag, Text
from campaigns.content.html.tokens import MARK, Guarded

_SHELL_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    '<meta name="color-scheme" content="light dark">'
    '<meta name="supported-color-schemes" content="light dark">'
    "<title>{{ campaign.subject }}</title>"
    "<style>:root { color-scheme: light dark; } img { max-width: 100%; height: auto; }"
    " @media (prefers-color-scheme: dark) { .list-footer, .list-footer a { color: #a3a3a3"
    " !important; } }</style>"
    '</head><body style="margin:0;padding:0">'
)
_SHELL_OPEN = (
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
    '<td align="center" style="padding:24px 16px"><table role="presentation" width="600"'
    ' cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:600px"><tr>'
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

# Legible on white and on black: email programs in dark mode may change either.
_GREY = "#757575"
_LINK = f'style="color:{_GREY};text-decoration:underline"'


class Parts:
    """The required parts that the template does not show itself.

    `shown` are the merge fields that appear whatever its conditions say.
    """

    def __init__(self, shown: Collection[str]) -> None:
        self.unsubscribe = "unsubscribe_url" not in shown
        self.view = "view_url" not in shown
        # Our footer has everything in one place; without it only missing parts are added.
        self.identity = self.unsubscribe or "sender.identity" not in shown
        self.postal = self.unsubscribe or "sender.postal_address" not in shown


def footer_html(parts: Parts) -> str:
    """Return the template source of the footer; "" if nothing is missing."""
    lines = _lines(parts, "<br>", postal="_postal")
    if parts.unsubscribe:
        lines.append(f'<a href="{{{{ unsubscribe_url }}}}" {_LINK}>Unsubscribe</a>')
    if parts.view:
        between = "&nbsp; · &nbsp;" if parts.unsubscribe else ""
        lines.append(
            f'{{% if _in_mail %}}{between}<a href="{{{{ view_url }}}}" {_LINK}>View in browser</a>'
            "{% endif %}"
        )
    if not lines:
        return ""
    return (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
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
        lines.append("Unsubscribe: {{ unsubscribe_url }}\n")
    return "\n\n----------\n" + "".join(lines) if lines else "\n"


def _lines(parts: Parts, end: str, *, postal: str) -> list[str]:
    """Return why, and from whom, the email comes: one line each, if it has something to say.

    `postal` is the variable that holds the postal address in the form of this part.
    """
    lines = []
    if parts.unsubscribe:
        lines.append(
            "{% if list.name %}You receive this email because you are subscribed to"
            f" {{{{ list.name }}}}.{end}{{% endif %}}"
        )
    if parts.identity:
        lines.append(f"{{% if sender.identity %}}{{{{ sender.identity }}}}{end}{{% endif %}}")
    if parts.postal:
        lines.append(f"{{% if sender.postal_address %}}{{{{ {postal} }}}}{end}{{% endif %}}")
    return lines


def frame(guarded: Guarded, read: Sequence[Tag | Text], parts: Parts) -> list[Edit]:
    """Return what to put around and into the guarded HTML. `read` are its parts."""
    html = guarded.text
    tags = [part for part in read if isinstance(part, Tag) and not part.is_hidden]
    first = {tag.name: tag for tag in reversed(tags) if not tag.is_end}
    closing = {tag.name: tag for tag in tags if tag.is_end}
    footer = guarded.add(footer_html(parts) + "{{ _pixel }}")
    preheader = guarded.add(_PREHEADER)
    if not {"html", "body", "head"} & first.keys():
        begin = guarded.add(_SHELL_HEAD) + preheader + guarded.add(_SHELL_OPEN)
        end = guarded.add(_SHELL_CLOSE) + footer + guarded.add(_SHELL_END)
        return [(0, 0, begin), (len(html), len(html), end)]
    top = 0
    if "body" in first:
        top = first["body"].end
    elif "head" in closing:
        top = closing["head"].end
    elif "html" in first:
        top = first["html"].end
    bottom = len(html)
    for name in ("body", "html"):
        tag = closing.get(name)
        if tag is not None and tag.start >= top and not _depth(html[: tag.start], guarded):
            bottom = tag.start
            break
    return [(top, top, preheader), (bottom, bottom, footer)]


def _depth(html: str, guarded: Guarded) -> int:
    """Return how many conditions and loops are open at the end of this piece."""
    words = [guarded.token(mark).keyword for mark in MARK.finditer(html)]
    opened = sum(word in {"if", "for"} for word in words)
    return opened - sum(word in {"endif", "endfor"} for word in words)
