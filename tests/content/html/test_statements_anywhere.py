"""Conditions and loops apply wherever they stand: in comments, tags, style sheets, hidden elements.

The text part shows the same as the HTML part, and the unsubscribe link is in both for everyone.
"""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content.html.plain_text import plain_text
from campaigns.content.mime.compile import TemplateProblemError, check_content
from campaigns.content.sources.source import ContentSource
from tests.content.samples import a_content, a_recipient, compiled

LINK = '<p>VIP code 1234</p><p><a href="{{ unsubscribe_url }}">Leave</a></p>'
IF, END = "{% if subscriber.vip %}", "{% endif %}"
URL = r"https://news\.example\.org/u/[\w-]+"
UNSEEN = re.compile(r"<!--.*?-->|<(style|title|head)\b.*?</\1>|<div hidden>.*?</div>", re.DOTALL)

IN_PLACES = [
    f"{IF}{LINK}{END}",
    f"<!-- {IF} -->{LINK}<!-- {END} -->",
    f"<!--{IF}-->{LINK}<!--{END}--><p>Hi</p>",
    f"<!-- a {{% if false %}}b{{% endif %}} {IF} -->{LINK}<!-- {END} -->",
    f"<!-- {{% set vip = subscriber.vip %}} -->{{% if vip %}}{LINK}{END}",
    f"<!--[if mso]>{IF}<![endif]-->{LINK}<!--[if mso]>{END}<![endif]-->",
    f"<!--[if mso]><table>{IF}<tr><![endif]-->{LINK}<!--[if mso]></tr>{END}</table><![endif]-->",
    f"<style>{IF}</style>{LINK}<style>{END}</style>",
    f"<html><head>{IF}<title>t</title></head><body>{LINK}{END}</body></html>",
    f"<title>{IF}</title>{LINK}<title>{END}</title>",
    f"<div hidden>{IF}</div>{LINK}<div hidden>{END}</div>",
    f"<p {IF}>a</p>{LINK}<p {END}>b</p>",
    f'<p class="{IF}">a</p>{LINK}<p class="{END}">b</p>',
    f"<!-- {{% if not subscriber.vip %}} -->no<!-- {{% else %}} -->{LINK}<!-- {END} -->",
    f"<!-- {{% for x in subscriber.items %}} -->{LINK}<!-- {{% endfor %}} -->",
    f'<p>{IF}VIP code 1234{END}</p><a {IF}href="{{{{ unsubscribe_url }}}}"{END}>Leave</a>',
    f'<img src="x" {IF}alt="VIP code 1234"{END}>',
    f'<img src="x" alt="{IF}VIP code 1234{END}">',
    f'<img src="x" alt="a{IF}">VIP code 1234<img src="x" alt="{END}">',
]


@pytest.mark.parametrize("html", IN_PLACES)
@pytest.mark.parametrize("is_vip", [True, False])
def test_a_condition_applies_to_both_parts_wherever_it_stands(html: str, is_vip: bool) -> None:
    recipient = a_recipient(vip=is_vip, items=["a"] if is_vip else [])
    sent = compiled(html).preview(recipient)
    visible = UNSEEN.sub("", sent.html)
    assert ("VIP code 1234" in visible) == ("VIP code 1234" in sent.text) == is_vip
    assert re.search(rf"<a href=[\"\']{URL}[\"\'][^>]*>\w", visible)
    assert re.search(URL, sent.text)


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        (
            "mjml",
            f"""<mjml><mj-body><mj-raw><!-- {IF} --></mj-raw><mj-section><mj-column>
            <mj-text>{LINK}</mj-text></mj-column></mj-section><mj-raw><!-- {END} --></mj-raw>
            </mj-body></mjml>""",
        ),
        ("markdown", f"<!-- {IF} -->\n\n{LINK}\n\n<!-- {END} -->\n"),
    ],
)
@pytest.mark.parametrize("is_vip", [True, False])
def test_a_condition_in_a_comment_applies_in_all_kinds_of_content(
    kind: str, source: str, is_vip: bool
) -> None:
    ready = compiled(source=ContentSource(kind, source))  # type: ignore[arg-type]
    sent = ready.preview(a_recipient(vip=is_vip))
    assert ("VIP code 1234" in sent.html) == ("VIP code 1234" in sent.text) == is_vip
    assert re.search(URL, UNSEEN.sub("", sent.html))
    assert re.search(URL, sent.text)


def test_a_loop_in_comments_repeats_its_items_in_the_text() -> None:
    html = "<ul><!-- {% for x in subscriber.items %} --><li>{{ x }}</li><!-- {% endfor %} --></ul>"
    text = compiled(html).preview(a_recipient(items=["one", "two"])).text
    assert text.startswith("- one\n- two\n")


@pytest.mark.parametrize("is_vip", [True, False])
def test_a_link_with_a_target_for_each_condition_has_the_right_one_in_the_text(
    is_vip: bool,
) -> None:
    html = f'<a {IF}href="https://a.example/"{{% else %}}href="https://b.example/"{END}>Shop</a>'
    text = compiled(html, track_clicks=False).preview(a_recipient(vip=is_vip)).text
    assert text.startswith(f"Shop (https://{'a' if is_vip else 'b'}.example/)\n")


def test_an_element_that_a_condition_hides_ends_with_the_same_condition() -> None:
    html = f"{IF}<div hidden>{END}Hidden{IF}</div>{END}<p>Hi</p>"
    assert compiled(html).preview(a_recipient(vip=True)).text.startswith("Hi\n")
    with pytest.raises(TemplateProblemError):
        compiled(html.replace(f"{IF}</div>", "{% if subscriber.other %}</div>"))


@pytest.mark.parametrize(
    "html",
    [
        f"<!-- {IF} --> {END} {LINK} <!-- -->",
        f"{IF}<!-- a {END} --> {LINK}",
        f"<!-- {IF} --> a {{% else %}} b <!-- {END} -->",
        f"<!--[if mso]>{IF}<![endif]-->{END}{LINK}",
        f"<style>{IF}</style>{END}{LINK}",
        f"<title>{IF}</title>{LINK}<style>{END}</style>",
        f'<p title="{IF}">a</p>{END}{LINK}',
        f"<p {IF}>a</p>{END}{LINK}",
        f"<div hidden>{IF}</div>gone{END}{LINK}",
        "<!-- {% for x in subscriber.items %} -->{% endfor %}" + LINK,
    ],
)
def test_a_condition_that_would_open_or_close_a_comment_or_tag_is_refused(html: str) -> None:
    with pytest.raises(TemplateProblemError) as caught:
        compiled(f"\n{html}")
    (problem,) = caught.value.problems
    assert (problem.reason.code, problem.line) == ("template.crosses_markup", 2)
    assert problem in check_content(a_content(f"\n{html}"), [])


PIECE = st.sampled_from(
    ["Seen ", "Seen ", '<a href="{{ unsubscribe_url }}">L</a>', "<a href='{{ unsubscribe_url }}'>",
     "</a>", "<a href='https://a.example/'>", "<a ",
     "href='https://b.example/' ", ">", "<p ", "<p>",
     "</p>", "<li>", "<!-- ", "-->", "<!-- x -->", "<!--[if mso]>", "<![endif]-->", "<div hidden>",
     "</div>", "<div hidden>x</div>", "<style>", "</style>", "<title>", "</title>", "<img alt='",
     "'", "<pre>", "</pre>", "{% set v = 1 %}"]
)  # fmt: skip
BLOCK = st.sampled_from(
    [(IF, "{% else %}", END), ("{% if subscriber.b %}", "", END),
     ("{% for x in subscriber.items %}", "", "{% endfor %}"),
     ("{% if unsubscribe_url %}", "", END)]
)  # fmt: skip


@st.composite
def pages(draw: st.DrawFn) -> str:
    """Return pieces of HTML with conditions and loops between any of them."""
    pieces = draw(st.lists(PIECE, min_size=2, max_size=10))
    for begin, middle, end in draw(st.lists(BLOCK, min_size=1, max_size=2)):
        first, second, third = sorted(draw(st.integers(0, len(pieces))) for _ in range(3))
        pieces.insert(third, end)
        pieces.insert(second, middle)
        pieces.insert(first, begin)
    return "".join(pieces)


@settings(max_examples=400, deadline=None)
@given(pages())
def test_what_is_sent_shows_the_same_in_both_parts_to_everyone(html: str) -> None:
    try:
        ready = compiled(html)
    except TemplateProblemError:
        return
    for is_vip, b in ((False, False), (False, True), (True, False), (True, True)):
        sent = ready.preview(a_recipient(vip=is_vip, b=b, items=["a"] * b))
        assert plain_text(sent.html).count("Seen") == sent.text.count("Seen")
        assert re.search(URL, UNSEEN.sub("", sent.html))
        assert re.search(URL, sent.text)
