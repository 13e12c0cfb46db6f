"""Footer, preheader and page shell: the required parts are in every message."""

import re
from typing import Any

import pytest

from campaigns.content.mime.compile import TemplateProblemError
from tests.content.samples import NOW, a_recipient, compiled, part, words

URL = r"https://news\.example\.org/u/[\w-]+"


def both(html: str, **values: Any) -> tuple[str, str]:
    message = compiled(html, **values).render(a_recipient(), now=NOW)
    return part(message, "html"), part(message, "plain")


PAGES = [
    "",
    "Hi",
    "<p>Hi</p>",
    "<html><body>Hi</body></html>",
    "<html><head></head>Hi</html>",
    "<body>Hi",
    "<html><body>Hi{% if subscriber.x %}</body>{% endif %}</html>",
    "<!-- </body> --><html><body>Hi</body></html>",
    "<p>{% if subscriber.x %}<a href='{{ unsubscribe_url }}'>leave</a>{% endif %}</p>",
    "<!-- {{ unsubscribe_url }} --><p>Hi</p>",
    "<div style='display:none'><a href='{{ unsubscribe_url }}'>leave</a></div>",
    "<a href='{{ unsubscribe_url }}'></a>",
    "<a href='{{ unsubscribe_url }}'>{% if subscriber.x %}leave{% endif %}</a>",
    "<a href='{{ unsubscribe_url }}'>Leave</a>",
    "<p>{{ unsubscribe_url }}</p>",
    "{% for x in subscriber.x %}{{ unsubscribe_url }}{% endfor %}",
    "{% set u = unsubscribe_url %}",
    "<style>{{ unsubscribe_url }}</style>",
]


@pytest.mark.parametrize("html", PAGES)
def test_unsubscribe_link_and_sender_are_in_both_parts_of_any_page(html: str) -> None:
    body, text = both(html)
    visible = re.sub(r"<!--.*?-->|<style>.*?</style>|<div style='display:none'>.*?</div>", "", body)
    assert re.search(rf"<a href=[\"']{URL}[\"'][^>]*>\w|>{URL}<", visible)
    assert re.search(URL, text)
    for needed in ("Example Ltd", "1 Example Road", "Example Town"):
        assert needed in visible
        assert needed in text
    assert "View in browser" in body


def test_a_template_with_its_own_unsubscribe_link_gets_no_second() -> None:
    body, text = both(
        "<p><a href='{{ unsubscribe_url }}'>Leave</a> {{ sender.identity }}"
        " {{ sender.postal_address }} <a href='{{ view_url }}'>Web</a></p>"
    )
    assert len(re.findall(URL, body)) == 1
    assert len(re.findall(URL, text)) == 1
    assert body.count("Example Ltd") == 1
    assert "View in browser" not in body


def test_the_footer_names_the_list_as_the_reason() -> None:
    body, text = both("<p>Hi</p>")
    for found in (body, text):
        assert "because you are subscribed to Weekly." in found


def test_the_footer_is_inside_the_body_and_escapes_values() -> None:
    body, text = both(
        "<html><body><p>Hi</p></body></html>", identity="A & <B>", postal_address="1 {{ x }}\n<i>"
    )
    assert "A &amp; &lt;B&gt;<br>1 {{ x }}<br>&lt;i&gt;<br>" in body
    assert body.index("Unsubscribe") < body.index("</body>")
    assert "A & <B>\n1 {{ x }}\n<i>\n" in text


def test_a_fragment_gets_a_page_around_it_and_a_page_does_not() -> None:
    body, _ = both("<p>Hi</p>", subject="A <b>")
    assert body.startswith('<!doctype html><html lang="en"><head><meta charset="utf-8">')
    assert "<title>A &lt;b&gt;</title>" in body
    assert 'name="color-scheme" content="light dark"' in body
    body, _ = both("<html><body><p>Hi</p></body></html>")
    assert body.startswith("<html><body><p>Hi</p>")


def test_the_preheader_comes_first_in_the_body_and_is_escaped() -> None:
    body, _ = both("<html><body class='x'><p>Hi</p></body></html>", preheader="A & {{ list.name }}")
    assert re.search(r"<body class='x'><div style=\"display:none[^>]*>A &amp; Weekly&#847;", body)


def test_the_web_version_offers_no_view_in_the_browser() -> None:
    ready = compiled("<p>Hi</p>", preheader="Look")
    page = ready.render_web(a_recipient())
    assert "View in browser" not in page
    assert "Unsubscribe" in page


def test_a_draft_without_a_sender_can_be_previewed() -> None:
    ready = compiled(
        "", subject="", sender_address="", sender_name="", identity="", postal_address=""
    )
    assert "Unsubscribe" in ready.preview(a_recipient(delivery_id=0)).text


@pytest.mark.parametrize(
    "html",
    [
        "<p>Hi</p>\n<!-- never closed <p>x</p>",
        "<p>Hi</p>\n<!--[if mso]><p>x</p>",
        "<p>Hi</p>\n<style>p {}",
        "<p>Hi</p>\n<title>x",
        '<p>Hi</p>\n<a href="https://a.example/>x</a>',
        "<p>Hi</p>\n<a href",
        "<p>Hi</p>\n<div style='display: none'>x",
        "<p>Hi</p>\n<div hidden><div></div>",
        "{% if list.name %}<p hidden>{% endif %}Hi{% if subscriber.y %}</p>{% endif %}",
    ],
)
def test_content_that_would_hide_the_footer_is_refused(html: str) -> None:
    with pytest.raises(TemplateProblemError) as caught:
        compiled(html)
    assert "never" in " ".join(map(words, caught.value.problems))


def test_an_unclosed_head_ends_where_the_content_begins() -> None:
    _, text = both("<html><head><title>t</title><meta name=x><p>Seen</p></html>")
    assert text.startswith("Seen")
