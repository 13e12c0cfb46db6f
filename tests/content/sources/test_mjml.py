"""MJML becomes HTML with every merge tag in its place, or its author hears what to change."""

import re
from html import unescape

import pytest

from campaigns.content.mime.compile import check_content
from campaigns.content.sources.mjml import mjml_to_html
from campaigns.content.sources.mjml_tags import ATTRIBUTES, CHILDREN, NETWORKS
from campaigns.content.sources.source import ContentSource
from campaigns.paths import resource_root
from campaigns.wording import Words
from tests.content.samples import a_content


def column(content: str) -> str:
    return (
        f"<mjml><mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"
    )


def html_of(source: str) -> str:
    page = mjml_to_html(source)
    assert [problem for problem in page.problems if problem.blocks] == []
    return page.html


def test_merge_tags_keep_their_place_and_their_quotes() -> None:
    html = html_of(
        column(
            '<mj-text>{% if 1 < 2 %}{{ subscriber.name|default("you") }}{% endif %}</mj-text>'
            """<mj-button href='{{ subscriber.url|default("x") }}?a=1&b=2'>Go</mj-button>"""
        )
    )
    assert '{% if 1 < 2 %}{{ subscriber.name|default("you") }}{% endif %}' in html
    assert 'href="{{ subscriber.url|default("x") }}?a=1&b=2"' in html


def test_loops_around_parts_stay_around_them() -> None:
    html = html_of(
        "<mjml><mj-body>{% for item in subscriber.tags %}<mj-section><mj-column>"
        "{% if item %}<mj-text>{{ item }}</mj-text>{% endif %}"
        "</mj-column></mj-section>{% endfor %}</mj-body></mjml>"
    )
    before, _, rest = html.partition("{% for item in subscriber.tags %}")
    inside, _, after = rest.partition("{% endfor %}")
    assert inside.count("<div") == inside.count("</div>")
    assert "<tr>" in inside.partition("{% if item %}")[2].partition("{% endif %}")[0]
    assert "{{ item }}" not in before + after


def test_html_in_a_text_stays_as_its_author_wrote_it() -> None:
    written = "<p class=x>5 < 6 & <br>an <b>unclosed one &nbsp;{{ a }}"
    assert written in html_of(column(f"<mj-text>{written}</mj-text>"))


def test_settings_keep_unusual_characters() -> None:
    html = html_of(column("""<mj-text font-family='"Café Sans", a' css-class="é">x</mj-text>"""))
    assert unescape(html).count('font-family:"Café Sans", a;') == 1
    assert 'class="é"' in unescape(html)


def test_depth_in_a_text_does_not_reach_the_compiler() -> None:
    assert "<div>" * 5_000 in html_of(column(f"<mj-raw>{'<div>' * 5_000}</mj-raw>"))


def test_each_line_of_the_page_tells_its_line_in_the_source() -> None:
    page = mjml_to_html(
        "<mjml><mj-body>\n<mj-section><mj-column>\n"
        '<mj-text>first\nsecond</mj-text>\n\n<mj-image src="x.png" />\n'
        "</mj-column></mj-section></mj-body></mjml>"
    )
    lines = page.html.split("\n")
    assert len(lines) == len(page.lines)
    origins = {
        text: [page.lines[at] for at, line in enumerate(lines) if text in line]
        for text in ("first", "second", "x.png")
    }
    assert origins == {"first": [3], "second": [4], "x.png": [6]}


def test_a_problem_of_the_template_has_the_line_of_the_source() -> None:
    text = column("\n<mj-text>a</mj-text>\n<mj-text>\n{{ subscriber.name * 'x' }}</mj-text>")
    (problem,) = check_content(a_content(source=ContentSource("mjml", text)), [])
    assert (problem.line, problem.reason.code) == (4, "template.not_a_number")


def test_html_that_is_not_closed_is_a_warning() -> None:
    (problem,) = mjml_to_html(column("\n<mj-text><div>x</mj-text>")).problems
    assert (problem.line, problem.blocks, problem.reason.params) == (2, False, {"tag": "<div>"})
    assert mjml_to_html(column("<mj-raw></div></mj-raw>")).problems == ()
    assert mjml_to_html(column("<mj-text>a<br>{% if x %}<b>{% endif %}</mj-text>")).problems == ()


def test_no_image_comes_from_another_server() -> None:
    source = column(
        '<mj-social><mj-social-element name="facebook" href="x">F</mj-social-element></mj-social>'
        '<mj-carousel><mj-carousel-image src="a.png" /></mj-carousel>'
        "<mj-accordion><mj-accordion-element><mj-accordion-title>T</mj-accordion-title>"
        "<mj-accordion-text>x</mj-accordion-text></mj-accordion-element></mj-accordion>"
    )
    html = mjml_to_html(source, icons="https://news.example/i/").html
    sources = {part.partition('"')[0] for part in html.split('src="')[1:]}
    assert sources == {"a.png"} | {
        f"https://news.example/i/{name}.png"
        for name in ("facebook", "left", "right", "plus", "minus")
    }
    assert "fonts.googleapis" not in html


@pytest.mark.parametrize(
    ("content", "line", "sentence"),
    [
        ("\n<mj-txt>x</mj-txt>", 2, "MJML has no <mj-txt>. Did you mean <mj-text>?"),
        ("\n\n<p>x</p>", 3, "<p> is HTML. Put it into an <mj-text> or <mj-raw>."),
        ("<mj-include path='/etc/passwd' />", 1, "<mj-include> cannot be used"),
        ("<mj-text colour='x'>x</mj-text>", 1, "no attribute “colour”. Did you mean “color”?"),
        ("<mj-text zoom='x'>x</mj-text>", 1, "<mj-text> has no attribute “zoom”. It has: align,"),
        ("<mj-text {% if a %}align='x'{% endif %}>x</mj-text>", 1, "Put it into the value."),
        ("\nHello", 2, "There is text directly in <mj-column>"),
        ("{{ subscriber.name }}", 1, "There is text directly in <mj-column>"),
        ("<mj-text>x", 1, "<mj-text> is not closed. Add </mj-text>."),
        ("</mj-group>", 1, "</mj-group> closes nothing."),
        ("<mj-section></mj-section>", 1, "<mj-section> cannot be in <mj-column>. It can be in: "),
        ("<mj-text>\n<script>x</script></mj-text>", 2, "Scripts never run in emails."),
        ("<!-- never ends", 1, "A comment is never closed."),
        ("5 < 6", 1, "There is text directly in <mj-column>"),
        ('<mj-image width="{{ x }}px" />', 1, "{{ x }} has no effect here."),
        ('<mj-text color="red" color="blue">x</mj-text>', 1, "the attribute “color” twice"),
        ('<mj-social><mj-social-element name="myspace" /></mj-social>', 1, "no icon for “myspace”"),
        ("<mj-carousel>{% if a %}{% endif %}</mj-carousel>", 1, "cannot stand directly in"),
    ],
)
def test_a_mistake_is_named_with_its_line(content: str, line: int, sentence: str) -> None:
    found = mjml_to_html(column(content)).problems
    assert found
    assert found[0].line == line
    assert sentence in Words().of(found[0].reason)


def test_what_is_in_an_unknown_element_is_no_second_problem() -> None:
    (problem,) = mjml_to_html(column("<mj-txt>x {{ y }} <b>z</b></mj-txt>")).problems
    assert problem.reason.code == "mjml.misspelled_tag"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("", "There is no <mj-body>."),
        ("<mj-body></mj-body>", "<mj-body> is outside of <mjml>."),
        ("<mjml><mj-body>", "<mj-body> is not closed."),
        ("<mjml><mj-body></mj-body><mj-body></mj-body></mjml>", "There is a second <mj-body>."),
        ("x" * 600_000, "The text is longer than 512 KB."),
    ],
)
def test_what_is_no_mjml_is_named(source: str, sentence: str) -> None:
    assert sentence in Words().of(mjml_to_html(source).problems[0].reason)


def test_nesting_is_refused_before_the_compiler_sees_it() -> None:
    deep = "<mj-wrapper>" * 5_000
    found = mjml_to_html(f"<mjml><mj-body>{deep}").problems
    assert 0 < len(found) <= 20


def test_every_element_of_the_table_can_be_used() -> None:
    parts = {name: f"<{name}></{name}>" for name in ATTRIBUTES}
    parts["mj-social-element"] = '<mj-social-element name="x" />'
    parts["mj-attributes"] = '<mj-attributes><mj-all color="red" /></mj-attributes>'
    parts["mj-font"] = '<mj-font name="A" href="https://fonts.example/a" />'
    head = "".join(parts[name] for name in sorted(CHILDREN["mj-head"]))
    columns = "".join(parts[name] for name in sorted(CHILDREN["mj-column"]))
    page = mjml_to_html(
        f"<mjml><mj-head>{head}</mj-head><mj-body><mj-wrapper><mj-section><mj-group><mj-column>"
        f"{columns}</mj-column></mj-group></mj-section></mj-wrapper><mj-hero></mj-hero>"
        "</mj-body></mjml>"
    )
    assert page.problems == ()
    assert page.html.endswith("</html>")


def test_every_network_has_an_icon() -> None:
    for name in NETWORKS:
        element = f'<mj-social-element name="{name}-noshare" href="https://x.example/" />'
        page = mjml_to_html(column(f"<mj-social>{element}</mj-social>"), icons="icons/")
        (source,) = re.findall(r'src="icons/([^"]+)"', page.html)
        assert (resource_root() / "static/img/email" / source).is_file()
        assert "background:" in page.html


IMAGE = '<mj-carousel-image src="https://shop.example/a.png"/>'


def test_a_carousel_can_have_twenty_images() -> None:
    carousel = f"<mj-carousel>{IMAGE * 20}</mj-carousel>"
    assert html_of(column(f"{carousel}{carousel}")).count("<img") >= 40
    (problem,) = mjml_to_html(column(f"<mj-carousel>\n{IMAGE * 3_000}</mj-carousel>")).problems
    assert (problem.reason.code, problem.line) == ("mjml.too_many_images", 2)


LONG = "x" * 40_000


def around(inner: str, tag: str, attribute: str) -> str:
    return column(f'<{tag} {attribute}="{LONG}">{inner * 200}</{tag}>')


def by_default(inner: str, *defaults: str) -> str:
    head = f"<mj-head><mj-attributes>{''.join(defaults)}</mj-attributes></mj-head>"
    return column(inner * 200).replace("<mjml>", f"<mjml>{head}")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (column(f"<mj-carousel>{IMAGE * 20}</mj-carousel>" * 20), "mjml.page_too_long"),
        (column("<mj-button>a</mj-button>" * 3_000), "mjml.page_too_long"),
        (
            by_default("<mj-text>a</mj-text>", f'<mj-text font-family="{LONG}"/>'),
            "mjml.too_much_repeated",
        ),
        (
            by_default("<mj-image/>", '<mj-image alt="a"/>', f'<mj-all src="{LONG}"/>'),
            "mjml.too_much_repeated",
        ),
        (
            around("<mj-navbar-link>a</mj-navbar-link>", "mj-navbar", "base-url"),
            "mjml.too_much_repeated",
        ),
        (
            around('<mj-social-element name="web"/>', "mj-social", "font-family"),
            "mjml.too_much_repeated",
        ),
        (around("<mj-accordion-element/>", "mj-accordion", "border"), "mjml.too_much_repeated"),
    ],
)
def test_what_becomes_much_larger_than_its_source_is_refused(source: str, code: str) -> None:
    page = mjml_to_html(source)
    assert [problem.reason.code for problem in page.problems] == [code]
    assert page.html == ""
