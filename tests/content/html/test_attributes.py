"""Attribute values are not text: `&name=` in a URL stays."""

import pytest

from campaigns.content.html.attributes import decode
from campaigns.content.html.plain_text import plain_text
from tests.content.samples import a_recipient, compiled

TARGET = "https://shop.example/buy?sku=1&currency=EUR&timestamp=5&region=de&copy=2&section=3"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (TARGET, TARGET),
        ("?a=1&amp;currency=EUR", "?a=1&currency=EUR"),
        ("?a=1&AMP;currency=EUR", "?a=1&currency=EUR"),
        ("?a=1&#38;currency=EUR", "?a=1&currency=EUR"),
        ("?a=1&#x26;currency=EUR", "?a=1&currency=EUR"),
        ("?a=1&#38currency=EUR", "?a=1&currency=EUR"),
        ("&copy;", "©"),
        ("&copy", "©"),
        ("&copy &reg.", "© ®."),
        ("&copy=", "&copy="),
        ("&copyx", "&copyx"),
        ("&copy2", "&copy2"),
        ("&notit;", "&notit;"),
        ("&not=", "&not="),
        ("&COPY=1&REG=2", "&COPY=1&REG=2"),
        ("&amp;copy;", "&copy;"),
        ("&amp;amp;", "&amp;"),
        ("&unknown;", "&unknown;"),
        ("a & b && c&", "a & b && c&"),
        ("&lt;&gt;&quot;&#39;", "<>\"'"),
    ],
)
def test_a_value_is_decoded_as_a_browser_does(value: str, expected: str) -> None:
    assert decode(value) == expected


def mail(html: str, *, track: bool) -> tuple[str, str]:
    """The HTML and text of a message, each followed by the targets of its links."""
    ready = compiled(html, track_clicks=track, track_opens=False)
    preview = ready.preview(a_recipient("Ann"))
    return preview.html, preview.text + "".join(f" {link}" for link in ready.links)


@pytest.mark.parametrize("track", [True, False], ids=["tracked", "untracked"])
@pytest.mark.parametrize(
    "written", [TARGET, TARGET.replace("&", "&amp;"), TARGET.replace("&", "&#38;")]
)
def test_links_keep_their_parameters_in_both_parts(written: str, track: bool) -> None:
    html, text = mail(f'<p><a href="{written}">Buy</a></p>', track=track)
    assert TARGET in text
    for wrong in ("%C2%A4", "¤", "©", "×tamp"):
        assert wrong not in html + text


def test_links_with_fields_keep_their_parameters() -> None:
    html, text = mail(
        '<p><a href="https://shop.example/?sku={{ subscriber.name }}&currency=EUR&copy={{'
        ' subscriber.name }}">Buy</a></p>',
        track=False,
    )
    wanted = "https://shop.example/?sku=Ann&currency=EUR&copy=Ann"
    assert wanted in text
    assert wanted.replace("&", "&amp;") in html


def test_alternative_text_is_an_attribute_as_well() -> None:
    html = '<p>x</p><img src="https://shop.example/a.png" alt="a&copy=b &amp; c &copy; d">'
    assert "a&copy=b & c © d" in mail(html, track=False)[1]
    assert "a&copy=b & c © d" in plain_text(html)


def test_a_rendered_page_as_text_keeps_parameters() -> None:
    assert TARGET in plain_text(f'<p><a href="{TARGET}">Buy</a></p>')
