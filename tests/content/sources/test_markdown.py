"""Markdown becomes a page in the brand's layout, with every merge tag in its place."""

import re
import time

import pytest

from campaigns.content.brand_style import BrandStyle
from campaigns.content.mime.compile import check_content, compile_content
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext
from tests.content.samples import SIGNER, a_content, a_recipient, words


def page_of(text: str, brand: BrandStyle | None = None) -> CompiledPage:
    return compile_source(
        ContentSource("markdown", text), SourceContext(brand=brand or BrandStyle())
    )


def html_of(text: str) -> str:
    """The HTML of the author's part, without styles."""
    page = page_of(text)
    assert page.problems == ()
    inside = page.html.partition('class="md">')[2].partition("</div></div></td>")[0]
    return re.sub(r' style="[^"]*"', "", inside)


def rendered(text: str, **attributes: object) -> str:
    content = a_content(source=ContentSource("markdown", text))
    return compile_content(content, SIGNER).preview(a_recipient(**attributes)).text  # type: ignore[arg-type]


def test_merge_tags_may_be_anywhere_in_a_line() -> None:
    html = html_of(
        '**{{ subscriber.name|default("you") }}** _{{ a }}_ {{ b }} [link]({{ url }}?a=1 "{{ c }}")'
    )
    assert '<strong>{{ subscriber.name|default("you") }}</strong>' in html
    assert '<em>{{ a }}</em> {{ b }} <a href="{{ url }}?a=1" title="{{ c }}">link</a>' in html


def test_statements_on_their_own_line_are_around_paragraphs() -> None:
    html = html_of("Hello\n{% if 1 < 2 %}\nthere\n{% else %}\nyou\n{% endif %}")
    assert "".join(html.split()) == ("<p>Hello</p>{%if1<2%}<p>there</p>{%else%}<p>you</p>{%endif%}")


def test_a_loop_around_list_items_makes_one_list() -> None:
    html = html_of("{% for item in subscriber.tags %}\n- {{ item }}\n{% endfor %}\n\n- last")
    assert html.count("<ul>") == 1
    assert "".join(html.split()) == (
        "<ul>{%foriteminsubscriber.tags%}<li>{{item}}</li>{%endfor%}<li>last</li></ul>"
    )


def test_conditions_between_list_items_stay_in_the_list() -> None:
    html = html_of("1. a\n{% if x %}\n2. b\n{% endif %}\n3. c\n\n{% if y %}\n\nText\n\n{% endif %}")
    assert html.count("<ol>") == 1
    assert "</ol>" in html.partition("{% if y %}")[0]


def test_a_condition_around_a_whole_list_is_outside() -> None:
    assert html_of("{% if x %}\n- a\n{% endif %}").startswith("{% if x %}\n<ul>")


def test_loops_around_rows_stay_in_the_table() -> None:
    html = html_of(
        "| A | B |\n|---|---|\n{% for row in rows %}\n| {{ row }} | 2 |\n{% endfor %}\n\nAfter"
    )
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    assert body.strip().startswith("{% for row in rows %}<tr>")
    assert body.strip().endswith("{% endfor %}")
    assert html.endswith("<p>After</p>\n")


def test_statements_in_code_are_left_in_it() -> None:
    html = html_of("```\n{% if x %}\ncode\n{% endif %}\n```")
    assert "<pre><code>{% if x %}\ncode\n{% endif %}\n</code></pre>" in html


def test_html_stays_as_it_is_written() -> None:
    assert '<div class="a" id=b>{{ x }} & y</div>' in html_of(
        '<div class="a" id=b>{{ x }} & y</div>'
    )


def test_the_text_part_reads_like_a_letter() -> None:
    text = rendered(
        "# Hello {{ subscriber.name }}\n\n{% for one in subscriber.items %}\n- {{ one }}\n"
        "{% endfor %}\n\nSee [the shop](https://shop.example/).",
        items=["Espresso", "Filter"],
    )
    assert text.startswith(
        "Hello Alice\n\n- Espresso\n- Filter\n\nSee the shop (https://shop.example/)."
    )


def test_it_has_the_colours_the_logo_and_the_footer_of_the_brand() -> None:
    colours = {"accent": "#aa0011"}
    brand = BrandStyle(
        logo="https://shop.example/logo.png", logo_alt="Shop", footer="Fresh from the harbour.",
        light=BrandStyle().light.model_copy(update=colours),
    )  # fmt: skip
    html = page_of("[link](https://shop.example/)", brand).html
    assert "color: #aa0011;text-decoration: underline" in html
    assert 'src="https://shop.example/logo.png"' in html
    assert html.index("Shop") < html.index("Fresh from the harbour.")
    assert "{{ unsubscribe_url }}" in html
    assert "@media (prefers-color-scheme:dark){.md{color:#d6d6e0!important}" in html


def test_a_logo_that_is_gone_is_named() -> None:
    (problem,) = page_of("Hello", BrandStyle(logo="media:gonegone1234")).problems
    assert (problem.block, problem.line, problem.blocks) == ("", 0, True)


def test_problems_have_the_line_of_the_source() -> None:
    text = "# One\n\nTwo\nthree\n\n- four\n- {{ nonsense }}\n\n{% if x %}\n\nnever closed"
    problems = check_content(a_content(source=ContentSource("markdown", text)), [])
    assert [problem.line for problem in problems] == [11]
    problems = check_content(a_content(source=ContentSource("markdown", text + "{% endif %}")), [])
    assert [problem.line for problem in problems] == [7, 9]


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("One\n\n<script>x</script>", 3, "Scripts never run in emails."),
        ("> " * 100 + "deep", 1, "Lists and quotes are nested too deeply."),
        ("x" * 200_000, 0, "The text is longer than 128 KB."),
        ("[" * 6_000, 0, "There are more than 1,000 links."),
    ],
)
def test_what_cannot_be_sent_is_named(text: str, line: int, sentence: str) -> None:
    (problem,) = page_of(text).problems
    assert problem.line == line
    assert sentence in words(problem)


@pytest.mark.parametrize("unit", ["[a](", "*a ", "**a *b ", "`a``b", "<!--", "\\", "> ", "~~a ~b"])
def test_the_time_of_parsing_is_bounded(unit: str) -> None:
    begin = time.thread_time()
    page_of((unit * 5_000)[:60_000])
    assert time.thread_time() - begin < 2
