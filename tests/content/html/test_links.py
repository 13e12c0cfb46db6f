"""Links are tracked and made safe, and every other byte is unchanged."""

import html as entities
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content.html import links, scanner
from campaigns.content.html.tokens import guard, normalise
from campaigns.tokens import click_path, open_token, read_click_path
from tests.content.samples import NOW, SIGNER, a_recipient, compiled, part, shown


def hrefs(text: str) -> list[str]:
    return [entities.unescape(found) for found in re.findall(r'href=["\']([^"\']*)', text)]


def sent(html: str, kind: str = "html", **attributes: Any) -> str:
    message = compiled(html).render(a_recipient(**attributes), now=NOW)
    return part(message, kind)


def targets(text: str) -> list[tuple[int, str]]:
    """The number and target of every tracked link, after checking its signature."""
    found = re.findall(r"https://news\.example\.org/c/([\w-]+)/([\w-]+)", text)
    read = [read_click_path(SIGNER, token, target) for token, target in found]
    assert {delivery for delivery, _, _ in read} <= {7}
    return [(number, target) for _, number, target in read]


def test_a_tracked_link_leads_to_its_target() -> None:
    html = '<p><a href="https://shop.example/?a=1&amp;b=2">Shop</a></p>'
    ready = compiled(html)
    assert ready.links == ("https://shop.example/?a=1&b=2",)
    path = click_path(SIGNER, 7, 1, "https://shop.example/?a=1&b=2")
    body = part(ready.render(a_recipient(), now=NOW), "html")
    assert f'<a href="https://news.example.org/c/{path}">Shop</a>' in body


def test_f10_the_links_of_both_parts_are_the_same() -> None:
    html = (
        '<a href="https://a.example/">A</a> <a href="https://b.example/{{ subscriber.name }}">B</a>'
        '{% for x in subscriber.items %}<a href="https://c.example/{{ x }}">C</a>{% endfor %}'
    )
    recipient: dict[str, Any] = {"items": ["x", "y"]}
    in_html, in_text = targets(sent(html, **recipient)), targets(sent(html, "plain", **recipient))
    assert in_html == in_text
    assert in_html == [
        (1, "https://a.example/"),
        (2, "https://b.example/Alice"),
        (3, "https://c.example/x"),
        (3, "https://c.example/y"),
    ]


def test_equal_targets_share_a_number_even_in_outlook_comments() -> None:
    html = (
        '<!--[if mso]><v:roundrect href="https://a.example/">x</v:roundrect><![endif]-->'
        '<!--[if !mso]><!--><a href="https://a.example/">A</a><!--<![endif]-->'
        '<map><area href="https://b.example/"></map>'
        '<!-- <a href="https://c.example/">not a link</a> -->'
    )
    ready = compiled(html)
    assert ready.links == ("https://a.example/", "https://b.example/")
    body = sent(html)
    assert [number for number, _ in targets(body)] == [1, 1, 2]
    assert '<!-- <a href="https://c.example/">not a link</a> -->' in body


@pytest.mark.parametrize(
    "link",
    [
        '<a href="mailto:a@b.example">',
        '<a href="tel:+123">',
        '<a href="#top">',
        '<a href="/relative">',
        '<a href="">',
        "<a>",
        '<a href="https://x.example/" data-no-track>',
        '<a href="{{ unsubscribe_url }}">',
        '<a href="{{ view_url }}">',
        '<link href="https://x.example/">',
        "<p>https://x.example/</p><a name='x'>",
    ],
)
def test_some_links_are_never_tracked(link: str) -> None:
    html = f"<html><body>{link}x</a></body></html>"
    assert compiled(html).links == ()
    assert targets(sent(html)) == []


def test_nothing_is_tracked_in_previews_test_emails_or_when_switched_off() -> None:
    html = (
        '<a href="https://a.example/?x&amp;y">A</a>'
        '<a href="https://b.example/{{ subscriber.name }}">B</a>'
    )
    off = compiled(html, track_clicks=False, track_opens=False)
    for text in (
        part(off.render(a_recipient(), now=NOW), "html"),
        part(compiled(html).render(a_recipient(delivery_id=0), now=NOW), "html"),
        compiled(html).preview(a_recipient()).html,
        compiled(html).render_web(a_recipient()),
    ):
        assert "/c/" not in text
        assert "/o/" not in text
        assert '<a href="https://a.example/?x&amp;y">A</a>' in text
        assert '<a href="https://b.example/Alice">B</a>' in text
    assert off.links == ()
    assert "https://a.example/?x&y" in compiled(html).preview(a_recipient()).text


def test_the_open_pixel_is_the_last_thing_in_the_body() -> None:
    body = sent("<html><body><p>Hi</p></body></html>")
    pixel = f"https://news.example.org/o/{open_token(SIGNER, 7)}.gif"
    assert re.search(rf'<img src="{re.escape(pixel)}"[^>]*></body></html>\s*$', body)


HTTP_OR_HTTPS = "{% if subscriber.v %}{{ subscriber.v }}{% else %}https://x.example/{% endif %}"


@pytest.mark.parametrize(
    ("link", "value", "result"),
    [
        ("https://x.example/?q={{ subscriber.v }}", "a&b=c d/é", "https://x.example/?q=a%26b%3Dc%20d%2F%C3%A9"),
        ("{{ subscriber.v }}", "https://me.example/?a=1&b=2#c", "https://me.example/?a=1&b=2#c"),
        ("{{ subscriber.v }}", "javascript:alert(1)", "#"),
        ("{{ subscriber.v }}", " java\nscript:alert(1)", "#"),
        ("{{ subscriber.v }}", "data:text/html,x", "#"),
        ("{{ subscriber.v }}", "", "#"),
        ("{{ subscriber.v }}", "mailto:a@b.example", "mailto:a@b.example"),
        ("{{ subscriber.v }}", 'https://x.example/"><script>', "https://x.example/%22%3E%3Cscript%3E"),
        ("{{ subscriber.v }}/path", "https://me.example", "https://me.example/path"),
        (HTTP_OR_HTTPS, "", "https://x.example/"),
        (HTTP_OR_HTTPS, "vbscript:x", "#"),
        ("https://x.example/" + HTTP_OR_HTTPS, "a/b", "https://x.example/a%2Fb"),
        ("mailto:{{ subscriber.v }}", "a b@c.example", "mailto:a%20b@c.example"),
        ("mailto:{{ subscriber.v }},{{ subscriber.v }}", "a@b.io", "mailto:a@b.io,a@b.io"),
        ("https://x.example/?a=1&amp;n={{ subscriber.v }}", "1", "https://x.example/?a=1&n=1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("quote", ['"', "'"])
def test_f8_values_in_links_are_encoded_and_schemes_checked(
    link: str, value: str, result: str, quote: str
) -> None:
    text = shown(f"<a href={quote}{link}{quote}>x</a>", a_recipient(v=value))
    assert hrefs(text) == [result]
    assert text.count("<") == 2
    image = shown(f"<img src={quote}{link}{quote}>", a_recipient(v=value))
    assert entities.unescape(image[10:-2]) == result


ALL_PLACES = compiled(
    '<html><body><p title="{{ subscriber.v }}">{{ subscriber.v }}</p>'
    "<b title='{{ subscriber.v }}'></b><i title={{ subscriber.v }}></i>"
    '<a href="{{ subscriber.v }}">x</a><a href=https://x.example/{{ subscriber.v }}>y</a>'
    "</body></html>"
)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_f8_no_value_breaks_out_of_its_context(value: str) -> None:
    page = ALL_PLACES.preview(a_recipient(v=value)).html
    text = page.partition("<body>")[2].partition("<table role=")[0]
    tags = [found for found in scanner.read(normalise(text)) if isinstance(found, scanner.HtmlTag)]
    assert [tag.name for tag in tags] == ["p", "p", "b", "b", "i", "i", "a", "a", "a", "a"]
    names = [attribute.name for tag in tags for attribute in tag.attributes]
    assert names == ["title", "title", "title", "href", "href"]


def test_f8_values_are_escaped_in_html_and_raw_in_text() -> None:
    html = "<p>{{ subscriber.v }}</p><p>{{ subscriber.v|e }}</p><p>{{ subscriber.v|upper }}</p>"
    recipient: dict[str, Any] = {"v": "<b>&'x'"}
    body, text = sent(html, **recipient), sent(html, "plain", **recipient)
    assert "<p>&lt;b&gt;&amp;&#39;x&#39;</p><p>&lt;b&gt;&amp;&#39;x&#39;</p>" in body
    assert "<p>&lt;B&gt;" in body
    assert text.startswith("<b>&'x'\n\n<b>&'x'\n\n<B>&'X'")


MESSY = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN">
<HTML ><Head><style>#a{b:c} @media x{ #d{e:f}}</style></Head><BODY
 bgcolor=#ffffff  data-x='a"b' >
<TABLE><!-- {{ subscriber.name }} --><tr>{% for x in subscriber.items %}<td
class="{% if loop.first %}a{% endif %}">{{ x|default("y") }}</td>{% endfor %}</tr></table  >
a < b && c &copy d <p>unclosed <br/><a class=x href="HTTPS://A.example/?a=1&b=2" title="a>b">A</a>
<a
  href='https://b.example/' >B</a><a href = "https://c.example/">C</a >
<img src="https://i.example/x.png?a&amp;b"/><?php ?><![CDATA[x]]></BODY></HTML>
"""


def test_rewriting_keeps_every_other_byte() -> None:
    guarded = guard(normalise(MESSY))
    found = links.rewrite(guarded, scanner.read(guarded.text), track=True)
    written = guarded.restore(links.apply(guarded.text, found.edits))
    for link in found.links:
        written = written.replace(f"{{{{ {links.variable(link.number)} }}}}", str(link.html))
    assert written == MESSY
    assert [link.target for link in found.links] == [
        "HTTPS://A.example/?a=1&b=2",
        "https://b.example/",
        "https://c.example/",
    ]


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<a href=", '"', "'", "https://x.example/", ">", "</a>", "<!--", "-->",
             "<!--[if mso]>", "<![endif]-->", " ", "<style>", "</style>",
             "{{ subscriber.name }}", "{% if 1 %}", "{% endif %}", "<", "&amp;",
             "<p", "=", "/", "x"]
        ),
        max_size=20,
    ).map("".join)
)  # fmt: skip
def test_rewriting_any_markup_keeps_what_is_not_a_link(source: str) -> None:
    guarded = guard(source)
    parts = list(scanner.read(guarded.text))
    spans = [(entry.start, entry.end) for entry in parts]
    assert spans == sorted(spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    found = links.rewrite(guarded, parts, track=True)
    for start, end, _ in found.edits:
        assert any(
            attribute.start == start and attribute.end == end
            for entry in parts
            if isinstance(entry, scanner.HtmlTag)
            for attribute in entry.attributes
        )


def test_template_tags_inside_tables_stay_in_place() -> None:
    html = (
        '<table>{% for x in subscriber.items %}<tr>{% if x %}<td>{{ x|default("y") }}</td>'
        "{% endif %}</tr>{% endfor %}</table>"
    )
    assert shown(html, a_recipient(items=["a", "b"])) == (
        "<table><tr><td>a</td></tr><tr><td>b</td></tr></table>"
    )


def test_a_brace_before_a_hash_in_a_style_sheet_is_not_a_comment() -> None:
    html = "<html><head><style>@media x{#a{b:c}}</style></head><body>Hi</body></html>"
    assert "@media x{ #a{b:c}}" in compiled(html).preview(a_recipient()).html
