"""What stands for merge tags and code inside the compilers cannot be written by an author."""

import json
from dataclasses import replace

import pytest

from campaigns.content.html.inline_css import inline
from campaigns.content.mime.compile import check_content
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, SourceContext, SourceKind
from tests.content.samples import a_content, a_recipient, compiled
from tests.content.sources.blocks.documents import block, document, rich

SECRET = "<p>Code of the author</p>"
MARKS = ["{#code-0#}", "{#code-7#}", "{#block-b#}", "{#-code-0#}"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_text_like_a_mark_of_blocks_is_a_text(mark: str) -> None:
    tag = f'{{{{ subscriber.city or "{mark}" }}}}'
    rows = [block("text", content=rich(f"Seen: {tag}")), block("html", code=SECRET),
            block("button", label=tag, link="https://shop.example/")]  # fmt: skip
    source = ContentSource("blocks", json.dumps(document(*rows)))
    sent = compiled(source=source).preview(a_recipient())
    assert f"Seen: {mark}" in sent.html
    assert sent.html.count(SECRET) == 1


@pytest.mark.parametrize("number", [0, 5])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("markdown", "{{ subscriber.city }}z&#113;%dz"),
        ("markdown", "{{ subscriber.city }}[a](https://a.example/z&#113;%dz)"),
        (
            "mjml",
            """<mjml><mj-body><mj-section><mj-column><mj-text font-family='z&#113;%dz'>
            {{ subscriber.city }}</mj-text></mj-column></mj-section></mj-body></mjml>""",
        ),
        (
            "html",
            """<style>p{color:red} /* data-inline-number="%d" style="a:b" */</style>
            <p style='color:z&#113;%dz'>{{ subscriber.city }}</p>""",
        ),
    ],
)
def test_a_text_like_a_word_of_the_compilers_is_a_text(
    kind: SourceKind, text: str, number: int
) -> None:
    source = ContentSource(kind, text.replace("%d", str(number)), inline_css=kind == "html")
    page = compile_source(source, SourceContext())
    assert [problem for problem in page.problems if problem.blocks] == []
    assert page.html.count("{{ subscriber.city }}") == 1
    assert f"zq{number}z" in page.html.replace("&#113;", "q")


def test_a_style_sheet_cannot_look_like_an_element() -> None:
    page = '<style>p{top:0} /* data-inline-number="99" style="left:0" */</style><p>x</p>'
    assert inline(page).endswith('<p style="top: 0;">x</p>')


def test_every_kind_of_line_break_in_code_counts_as_a_line() -> None:
    code = "<p>a\rb\r\nc\nd</p>{{ snippet.a }}\r{{ snippet.missing }}"
    rows = [block("html", id="code", code=code), block("text", content=rich("a\rb"))]
    source = ContentSource("blocks", json.dumps(document(*rows)))
    content = a_content(source=source, context=SourceContext(snippets={"a": "x\ry"}))
    (problem,) = [one for one in check_content(content, []) if one.blocks]
    assert problem.block == "code"
    with_all = replace(content, context=SourceContext(snippets={"a": "x\ry", "missing": "z"}))
    assert not [one for one in check_content(with_all, []) if one.blocks]
