"""How Markdown looks in the colours and fonts of a brand."""

from campaigns.content.brand_style import BrandStyle, Palette
from campaigns.content.html.direction import sided
from campaigns.content.sources.blocks.fonts import FONTS

CLASS = "md"


_LIGHT = """
.md { font-family: %(body_font)s; font-size: %(font_size)spx; line-height: 1.6; color: %(text)s }
.md p, .md ul, .md ol, .md blockquote, .md pre, .md table { margin: 0 0 16px; padding: 0 }
.md h1, .md h2, .md h3, .md h4, .md h5, .md h6 { font-family: %(heading_font)s; font-weight: 700;
  color: %(heading)s }
.md h1 { font-size: 28px; line-height: 1.25; margin: 24px 0 16px }
.md h2 { font-size: 22px; line-height: 1.3; margin: 24px 0 12px }
.md h3, .md h4, .md h5, .md h6 { font-size: 18px; line-height: 1.35; margin: 20px 0 8px }
.md ul, .md ol { padding: 0 0 0 24px }
.md li, .md li p { margin: 0 0 6px }
.md a { color: %(accent)s; text-decoration: underline }
.md blockquote { border-left: 3px solid %(border)s; padding: 0 0 0 16px; color: %(muted)s }
.md pre { font-family: %(mono)s; font-size: 14px; line-height: 1.5; padding: 12px 16px;
  white-space: pre-wrap; background-color: %(background)s; border-radius: %(corner_radius)spx }
.md code { font-family: %(mono)s; font-size: 0.9em; background-color: %(background)s }
.md img { max-width: 100%%; height: auto; border: 0 }
.md hr { border: 0; border-top: 1px solid %(border)s; margin: 24px 0; height: 0 }
.md table { border-collapse: collapse; width: 100%% }
.md th, .md td { border-bottom: 1px solid %(border)s; padding: 8px 12px 8px 0; text-align: left;
  vertical-align: top }
.md > *:first-child { margin-top: 0 }
.md > *:last-child { margin-bottom: 0 }
"""


def light_rules(brand: BrandStyle, language: str) -> str:
    """Return the style sheet for the elements of Markdown, to be inlined."""
    return sided(_LIGHT, language) % {
        **brand.light.model_dump(),
        "body_font": FONTS[brand.body_font],
        "heading_font": FONTS[brand.heading_font],
        "mono": FONTS["mono"],
        "font_size": brand.font_size,
        "corner_radius": brand.corner_radius,
    }


def dark_rules(brand: BrandStyle) -> str:
    """Return the style sheet for dark mode, which stays in the head."""
    rules = list(_colours(brand.dark))
    inside = "".join(f"{selector}{{{style}}}" for selector, style in rules)
    # Outlook on the web marks the page instead of answering the media query.
    marked = "".join(
        ",".join(f"[data-ogsc] {one}" for one in selector.split(",")) + f"{{{style}}}"
        for selector, style in rules
    )
    return f"@media (prefers-color-scheme:dark){{{inside}}}{marked}"


def _colours(dark: Palette) -> tuple[tuple[str, str], ...]:
    border = f"border-color:{dark.border}!important"
    return (
        (".md", f"color:{dark.text}!important"),
        (".md h1,.md h2,.md h3,.md h4,.md h5,.md h6", f"color:{dark.heading}!important"),
        (".md a", f"color:{dark.accent}!important"),
        (".md blockquote", f"color:{dark.muted}!important;{border}"),
        (".md pre,.md code", f"background-color:{dark.background}!important"),
        (".md hr,.md th,.md td", border),
    )
