"""A rendered email as programs show it: in light or dark, and clipped."""

from campaigns.content.html.previewing import (
    CLIPPED_BYTES,
    has_dark_styles,
    in_theme,
    with_clipping_line,
)

STYLED = (
    "<html><head><style>@media (prefers-color-scheme: dark) { p { color: #eee } }"
    "@media screen and (prefers-color-scheme:light) { p { color: #111 } }</style></head>"
    "<body><p>Hi</p></body></html>"
)


def test_the_chosen_theme_applies_whatever_the_browser_prefers() -> None:
    dark = in_theme(STYLED, is_dark=True)
    assert "@media (min-width:0px) { p { color: #eee" in dark
    assert "@media screen and (max-width:0px) { p { color: #111" in dark
    assert ":root{color-scheme:dark!important}" in dark
    light = in_theme(STYLED, is_dark=False)
    assert "@media (max-width:0px) { p { color: #eee" in light
    assert "filter" not in dark + light


def test_an_email_without_dark_styles_is_inverted_in_the_dark() -> None:
    plain = "<html><head></head><body>Hi</body></html>"
    assert not has_dark_styles(plain)
    assert has_dark_styles(STYLED)
    dark = in_theme(plain, is_dark=True)
    assert "filter:invert(1)" in dark
    assert dark.index("<style>") < dark.index("</head>")


def test_a_small_email_has_no_clipping_line() -> None:
    assert with_clipping_line(STYLED, "Here") == STYLED


def test_the_line_stands_before_the_first_text_that_is_not_whole() -> None:
    row = "<tr><td>" + "ä" * 500 + "</td></tr>"
    rows = "<style>" + "x" * 200 + "</style>" + row * 120
    html = with_clipping_line(f"<table>{rows}</table>", "Clipped <here>")
    before, _, after = html.partition("<span")
    assert CLIPPED_BYTES - 1100 < len(before.encode()) <= CLIPPED_BYTES
    assert before.endswith("<tr><td>")
    assert "Clipped &lt;here&gt;</span>ää" in after


def test_an_email_that_ends_in_markup_gets_no_line() -> None:
    html = "<p>" + "<br>" * 40_000
    assert with_clipping_line(html, "Here") == html
