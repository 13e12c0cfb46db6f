"""Style sheets are moved into elements, and nothing else in the page changes."""

import re
import socket
import time

import pytest

from campaigns.content.html.inline_css import TooMuchCssError, inline
from campaigns.content.html.nesting import too_deep
from campaigns.content.html.scanner import HtmlTag, read

SHEET = "<style>.a { color: red } td { padding: 4px }</style>"
_ADDED = re.compile(r' style="[^"]*"')


@pytest.mark.parametrize(
    "body",
    [
        '<table>{% for a in b %}<tr><td class="a">{{ a|e("x") }}</td></tr>{% endfor %}</table>',
        '<!--[if mso]><td class="a"><![endif]--><p class="a">x</p><!--[if mso]></td><![endif]-->',
        '<!--[if vml]><v:roundrect href="https://shop.example/" class="a"/><![endif]-->',
        "<td class=a nowrap>a<br/>b & c&nbsp;&copy;&zwnj;<p class='a'>never closed",
        '<a class="a" href="{{ unsubscribe_url }}?a=1&b={{ two|default(\'"\') }}">x</a>',
        '<p {% if one %}class="a"{% endif %}>x</p>',
        '{% if one %}<table class="a">{% else %}<table>{% endif %}<tr><td>x</td></tr></table>',
        "<b class=a><p>x</b>y</p><i class=a>z",
    ],
)
def test_only_styles_are_added(body: str) -> None:
    page = f"{SHEET}{body}"
    inlined = inline(page)
    assert _ADDED.sub("", inlined) == page


def test_rules_come_into_the_elements() -> None:
    assert '<p style="color: red;" class="a">x</p>' in inline(f'{SHEET}<p class="a">x</p>')


def test_the_style_of_an_element_comes_before_the_rules() -> None:
    page = inline(
        f'{SHEET}<td class="a" style="color: blue"><p class="a" style="color: {{{{ c }}}}">'
    )
    assert '<p class="a" style="color: red;color: {{ c }}">' in page


def test_merge_tags_in_a_style_sheet_become_values() -> None:
    page = inline('<style>.a { color: {{ subscriber.color|default("red") }} }</style><p class="a">')
    assert '<p style="color: {{ subscriber.color|default("red") }};" class="a">' in page


def test_rules_within_conditions_stay_in_their_style_sheet() -> None:
    page = "<style>{% if x %}.a { color: red }{% endif %}</style><p class='a'>x</p>"
    assert inline(page) == page


def test_conditional_classes_have_no_rules_in_the_element() -> None:
    page = f"""{SHEET}<p class="{{% if x %}} a {{% endif %}}">x</p>"""
    assert inline(page) == page


def test_media_queries_and_fonts_stay() -> None:
    sheet = (
        "<style>@media (max-width: 600px) { .a { color: blue !important } }"
        "@font-face { font-family: X; src: url(https://fonts.example/x.woff2) }"
        ".a { top: 0 }</style>"
    )
    page = inline(f'{sheet}<p class="a">x</p>')
    assert sheet in page
    assert '<p style="top: 0;" class="a">' in page


def test_nothing_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.css"
        page = (
            f"<style>@import url({address}); .a {{ color: red }}</style>"
            f'<link rel="stylesheet" href="{address}"><p class="a">x</p>'
        )
        assert _ADDED.sub("", inline(page)) == page
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 5_000,
        "<b>" * 5_000,
        "<p><font color=red>" * 5_000,
        "<p><font color=red></p>" * 5_000,
        "<div><table><td></div>" * 2_000,
        "<table><font>x</table>" * 2_000,
        "<table><font><td>" * 2_000,
        "<div><object></div>" * 2_000,
        "<svg><g>" * 2_000,
    ],
)
def test_pages_that_are_nested_too_deep_are_left_alone(page: str) -> None:
    assert inline(f"{SHEET}{page}") == f"{SHEET}{page}"


def test_long_lists_without_end_tags_are_not_deep() -> None:
    page = "<ul>" + "<li>x" * 5_000 + "</ul>" + "<table>" + "<tr><td><font>x" * 2_000 + "</table>"
    assert too_deep(part for part in read(page) if isinstance(part, HtmlTag)) is None
    assert '<td style="padding: 4px;">' in inline(f"{SHEET}{page}")


@pytest.mark.parametrize(
    ("css", "body"),
    [
        ("i~p{color:red}" * 10, "<p>a" * 3_000 + "<i></i>"),
        ("p:not(i ~ p, b){color:red}" * 10, "<p>a" * 3_000),
        ("b > *, i ~ .a:hover{color:red}" * 10, '<p class="x A">a' * 3_000),
        ("@media x{a{}} .b,p{color:red;margin:0;padding:0}" * 300, "<p>a" * 3_000),
        ("*{color:" + "x" * 10_000 + "}", "<p>a" * 3_000),
        ('i{content:"}/*"} p{background:url(x/*)} ' + "i~p{color:red}" * 10, "<p>a" * 3_000),
        ("i ~ p{color:red}" * 10 + "i~p{", "<p>a" * 3_000),
    ],
)
def test_too_much_work_is_refused_before_it_is_begun(css: str, body: str) -> None:
    begun = time.process_time()
    with pytest.raises(TooMuchCssError):
        inline(f"<style>{css}</style>{body}")
    assert time.process_time() - begun < 5


def test_large_style_sheets_and_pages_are_inlined() -> None:
    """A framework with many classes, of which each element has a few."""
    sheet = "".join(
        f'.a{n}, td.b{n} [class~="c"] > .d{n}:hover{{color:red;font:12px "A";margin:0 0 1px 2px}}'
        for n in range(2_000)
    )
    page = inline(f"<style>{sheet}p ~ p{{top:0}}</style>{'<p class=a1>x</p>' * 1_500}")
    assert page.count(";margin: 0 0 1px 2px;") == 1_500
