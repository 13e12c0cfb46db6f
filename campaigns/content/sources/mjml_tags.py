"""The elements and attributes of MJML that the compiler knows.

It drops everything else without a word, so `mjml` refuses what is not here. The tests compare this
table with what the compiler does.
"""

from collections.abc import Mapping

_PADDING = "padding padding-top padding-right padding-bottom padding-left "
_BORDER = "border border-top border-right border-bottom border-left border-radius "
_FONT = "font-family font-size font-style font-weight letter-spacing line-height "
_LINK = "href name rel target title "
_BACKGROUND = (
    "background-color background-url background-repeat background-size background-position"
    " background-position-x background-position-y "
)
_AROUND = "container-background-color "
_ICONS = (
    "icon-align icon-height icon-position icon-unwrapped-alt icon-unwrapped-url icon-width"
    " icon-wrapped-alt icon-wrapped-url "
)
_INNER = "inner-border inner-border-top inner-border-right inner-border-bottom inner-border-left "
_ICO_PADDING = "ico-padding ico-padding-top ico-padding-right ico-padding-bottom ico-padding-left "
_INNER_PADDING = (
    "inner-padding inner-padding-top inner-padding-right inner-padding-bottom inner-padding-left "
)
_SECTION = _BACKGROUND + _BORDER + _PADDING + "direction full-width text-align text-padding"

_COMPONENTS: Mapping[str, str] = {
    "mj-section": _SECTION,
    "mj-wrapper": _SECTION,
    "mj-group": "background-color direction vertical-align width",
    "mj-column": _BORDER + _PADDING + _INNER + "background-color direction inner-background-color"
    " inner-border-radius vertical-align width",
    "mj-text": _FONT + _PADDING + _AROUND + "align color height text-decoration text-transform"
    " vertical-align",
    "mj-button": _BORDER + _FONT + _PADDING + _LINK + _AROUND + "align background-color color"
    " height inner-padding text-align text-decoration text-transform vertical-align width",
    "mj-image": _BORDER + _PADDING + _LINK + _AROUND + "align alt fluid-on-mobile font-size height"
    " max-height sizes src srcset usemap width",
    "mj-divider": _PADDING + _AROUND + "align border-color border-style border-width width",
    "mj-spacer": _PADDING + _AROUND + "height",
    "mj-table": _PADDING + _AROUND + "align border cellpadding cellspacing color font-family"
    " font-size font-style font-weight line-height role table-layout text-align vertical-align"
    " width",
    "mj-social": _FONT.replace("letter-spacing ", "") + _PADDING + _AROUND + "align border-radius"
    " color icon-height icon-padding icon-size inner-padding mode table-layout text-decoration"
    " text-padding vertical-align",
    "mj-social-element": _FONT.replace("letter-spacing ", "") + _PADDING + _LINK + "align alt"
    " background-color border-radius color icon-height icon-padding icon-position icon-size src"
    " text-decoration text-padding vertical-align",
    "mj-navbar": _PADDING + _ICO_PADDING + "align base-url hamburger ico-align ico-close ico-color"
    " ico-font-family ico-font-size ico-line-height ico-open ico-text-decoration"
    " ico-text-transform",
    "mj-navbar-link": _FONT + _PADDING + "color href name rel target text-decoration"
    " text-transform",
    "mj-hero": _PADDING + _INNER_PADDING + "align background-color background-height"
    " background-position background-url background-width border-radius"
    " container-background-color height inner-background-color mode vertical-align width",
    "mj-accordion": _PADDING + _ICONS + _AROUND + "border font-family",
    "mj-accordion-element": _ICONS + "background-color border font-family",
    "mj-accordion-title": _PADDING + "background-color color font-family font-size font-weight",
    "mj-accordion-text": _PADDING + "background-color color font-family font-size font-weight"
    " letter-spacing line-height",
    "mj-carousel": _PADDING + _AROUND + "align border-radius icon-width left-icon right-icon"
    " tb-border tb-border-radius tb-hover-border-color tb-selected-border-color tb-width"
    " thumbnails",
    "mj-carousel-image": "alt border-radius href rel src target tb-border tb-border-radius"
    " thumbnails-src title",
}  # fmt: skip
_OTHERS: Mapping[str, str] = {
    "mjml": "lang dir",
    "mj-head": "",
    "mj-body": "width background-color",
    "mj-attributes": "",
    "mj-breakpoint": "width",
    "mj-font": "name href",
    "mj-preview": "",
    "mj-style": "inline",
    "mj-title": "",
    "mj-raw": "position",
}

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    **{
        name: frozenset({*words.split(), "css-class", "mj-class"})
        for name, words in _COMPONENTS.items()
    },
    **{name: frozenset(words.split()) for name, words in _OTHERS.items()},
    "mj-body": frozenset({"width", "background-color", "css-class", "mj-class"}),
    "mj-all": frozenset(" ".join(_COMPONENTS.values()).split()),
    "mj-class": frozenset(" ".join(_COMPONENTS.values()).split()),
}

ICONS: Mapping[str, Mapping[str, str]] = {
    "mj-carousel": {"left-icon": "left.png", "right-icon": "right.png"},
    "mj-accordion": {"icon-wrapped-url": "plus.png", "icon-unwrapped-url": "minus.png"},
}
"""Our own images: the compiler's defaults are on another company's server."""
NETWORKS: Mapping[str, str] = {
    "bluesky": "#0a7aff", "dribbble": "", "email": "#6b6b7b", "facebook": "", "github": "",
    "google": "", "instagram": "", "linkedin": "", "mastodon": "#6364ff", "pinterest": "",
    "snapchat": "", "soundcloud": "", "threads": "#000000", "tiktok": "#000000", "tumblr": "",
    "twitter": "", "vimeo": "", "web": "", "website": "#4bade9", "x": "", "xing": "", "youtube": "",
}  # fmt: skip
"""Networks of `mj-social-element` with the colour behind their icon; "": the compiler knows it."""
ICON_FILES: Mapping[str, str] = {"twitter": "x", "web": "website"}
"""Icons with another name than their network."""

_IN_COLUMN = frozenset(
    {
        "mj-accordion", "mj-button", "mj-carousel", "mj-divider", "mj-image", "mj-navbar",
        "mj-raw", "mj-social", "mj-spacer", "mj-table", "mj-text",
    }
)  # fmt: skip
CHILDREN: Mapping[str, frozenset[str]] = {
    "": frozenset({"mjml"}),
    "mjml": frozenset({"mj-head", "mj-body"}),
    "mj-head": frozenset(
        {
            "mj-attributes", "mj-breakpoint", "mj-font", "mj-preview", "mj-raw", "mj-style",
            "mj-title",
        }
    ),
    "mj-body": frozenset({"mj-section", "mj-wrapper", "mj-hero", "mj-raw"}),
    "mj-wrapper": frozenset({"mj-section", "mj-hero", "mj-raw"}),
    "mj-section": frozenset({"mj-column", "mj-group", "mj-raw"}),
    "mj-group": frozenset({"mj-column", "mj-raw"}),
    "mj-column": _IN_COLUMN,
    "mj-hero": _IN_COLUMN,
    "mj-social": frozenset({"mj-social-element"}),
    "mj-navbar": frozenset({"mj-navbar-link"}),
    "mj-accordion": frozenset({"mj-accordion-element"}),
    "mj-accordion-element": frozenset({"mj-accordion-title", "mj-accordion-text"}),
    "mj-carousel": frozenset({"mj-carousel-image"}),
    "mj-attributes": frozenset({"mj-all", "mj-class", *_COMPONENTS}),
}  # fmt: skip
"""What an element may contain, for those that contain other elements."""

WITH_HTML = frozenset(
    {
        "mj-text", "mj-button", "mj-table", "mj-raw", "mj-social-element", "mj-navbar-link",
        "mj-accordion-title", "mj-accordion-text", "mj-title", "mj-preview", "mj-style",
    }
)  # fmt: skip
"""Elements whose content is HTML or text."""
FIXED = frozenset(
    {"mj-head", "mj-attributes", "mj-accordion", "mj-accordion-element", "mj-carousel", "mjml", ""}
)
"""Elements in which the compiler accepts nothing else: no condition or loop around the parts."""
RTL_DEFAULTS = (
    "<mj-attributes>"
    + "".join(
        f'<{name} direction="rtl"/>'
        for name in ("mj-wrapper", "mj-section", "mj-group", "mj-column")
    )
    + '<mj-text align="right"/><mj-table align="right"/></mj-attributes>'
)
"""What makes a page begin at the right; the compiler itself writes `direction:ltr` everywhere."""
