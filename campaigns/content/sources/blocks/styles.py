"""What the head of a compiled document says to email clients."""

import re

from campaigns.content.html.direction import is_rtl
from campaigns.content.html.links import apply
from campaigns.content.html.scanner import HtmlTag, read
from campaigns.content.sources.blocks.build import Build
from campaigns.content.sources.blocks.fonts import FONTS, OUTLOOK_FONTS
from campaigns.content.sources.mjml_tags import RTL_DEFAULTS

_META = (
    '<meta name="color-scheme" content="light dark"/>'
    '<meta name="supported-color-schemes" content="light dark"/>'
    '<meta name="x-apple-disable-message-reformatting"/>'
    '<meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no"/>'
)
_OUTLOOK = (
    "<!--[if mso]><style>body,table,td,div,p,a,li{{font-family:{body}!important}}"
    "h1,h2,h3{{font-family:{heading}!important}}</style><![endif]-->"
)
_BASE = (
    ":root{color-scheme:light dark;supported-color-schemes:light dark}"
    "a[x-apple-data-detectors]{color:inherit!important;text-decoration:inherit!important}"
)
_HIDDEN_RULES = (
    ".only-phone{display:none;mso-hide:all}"
    "@media (max-width:479px){.no-phone{display:none!important}"
    "td.only-phone{display:table-cell!important}"
    "div.only-phone{display:block!important}table.only-phone{display:table!important}}"
)
_DIMMED = (
    "@media (max-width:479px){.no-phone{opacity:.35}}"
    "@media (min-width:480px){.only-phone{opacity:.35}}"
)
"""The canvas shows also what is hidden, as it can be edited."""
_DARK_IMAGES = (
    ".only-dark{display:none}"
    "@media (prefers-color-scheme:dark){.no-dark{display:none!important}"
    "td.only-dark{display:table-cell!important}}"
    "[data-ogsc] .no-dark{display:none!important}"
    "[data-ogsc] td.only-dark{display:table-cell!important}"
)
_HIDDEN = "display:none;mso-hide:all;"
_ONLY = frozenset({"only-phone", "only-dark", "only-phone-outlook", "only-dark-outlook"})
"""Classes of what is hidden; the MJML compiler names those for Outlook."""
_MAY_HIDE = re.compile(r'class="[^"]*only-')


def head(build: Build, body: str) -> str:
    """Return the content of `mj-head`. `body`: the MJML of all rows."""
    brand = build.context.brand
    outlook = _OUTLOOK.format(
        body=OUTLOOK_FONTS[brand.body_font], heading=OUTLOOK_FONTS[brand.heading_font]
    )
    hiding = _DIMMED if build.context.is_canvas else _HIDDEN_RULES
    # How the alternative texts of images look while these are off.
    alt = f"img{{color:{brand.light.muted};font-family:{FONTS[brand.body_font]}}}"
    css = alt + _BASE + hiding + build.dark.css() + (_DARK_IMAGES if "only-dark" in body else "")
    sides = RTL_DEFAULTS if is_rtl(build.context.language) else ""
    return f"{sides}<mj-raw>{_META}{outlook}</mj-raw><mj-style>{css}</mj-style>"


def hide(html: str) -> str:
    """Hide what only phones or dark mode show, also where style sheets are ignored.

    `html` is what the MJML compiler made, with words in place of merge tags.
    """
    if _MAY_HIDE.search(html) is None:
        return html
    tags = (part for part in read(html) if isinstance(part, HtmlTag))
    styles = (tag.get("style") for tag in tags if _is_hidden(tag))
    return apply(html, ((style.start, style.start, _HIDDEN) for style in styles if style))


def _is_hidden(tag: HtmlTag) -> bool:
    names = tag.get("class")
    return names is not None and not _ONLY.isdisjoint(names.value.split())
