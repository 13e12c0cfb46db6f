"""Whatever is pasted or typed as content works, or its author hears what to change, and quickly."""

import json
import time

import pytest

from campaigns.content.mime.compile import (
    TemplateProblemError,
    check_content,
    compile_content,
    lint_content,
)
from campaigns.content.sources.source import ContentSource, SourceContext, SourceKind
from campaigns.messages import Message
from tests.content.samples import NOW, SIGNER, a_content, a_recipient, parsed, part, words
from tests.content.sources.blocks.documents import block, document

LINK = '<a href="https://shop.example/{}">x</a>'
SHEET = "<style>p { color: red }</style>"
WORD = (
    "<!--[if gte mso 9]><xml><w:WordDocument><w:View>Normal</w:View></w:WordDocument></xml>"
    "<![endif]--><style>@font-face {font-family:Calibri; panose-1:2 15 5 2} p.MsoNormal "
    "{mso-style-parent:''; margin:0cm}</style><p class=MsoNormal style='mso-margin-top-alt:auto'>"
    "<span lang=EN-GB style='font-size:12.0pt;font-family:\"Times New Roman\",serif'>Dear "
    "{{ subscriber.name }}<o:p></o:p></span></p><![if !supportLists]>·<![endif]>"
)
GOOGLE_DOCS = (
    '<meta charset="utf-8"><b style="font-weight:normal;" id="docs-internal-guid-1a2b"><p dir="ltr"'
    ' style="line-height:1.38;"><span style="font-size:11pt;white-space:pre-wrap;">Dear '
    "{{ subscriber.name }}</span></p><br /><ul><li><p role=presentation>One</p></li></ul></b>"
)
OUTLOOK = (
    '<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" arcsize="8%"'
    ' href="https://shop.example/vml"><center>Buy</center></v:roundrect><![endif]-->'
    '<!--[if !mso]><!--><a href="https://shop.example/web">Buy</a><!--<![endif]-->'
)
INNER_HOSTS = (
    '<p style="background: url(http://169.254.169.254/latest)">x</p><style>@import '
    'url("http://localhost/x.css"); p { background: url(http://10.0.0.1/) }</style>'
)
LOOP = (
    "<table>{% for one in subscriber.items %}<tr><td>{{ one }}</td></tr>"
    "{% else %}<tr><td>none{% endfor %}</td></tr></table>"
)


def mjml(content: str) -> str:
    return (
        f"<mjml><mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"
    )


def sent(source: ContentSource, context: SourceContext) -> Message:
    content = a_content(source=source, context=context)
    return compile_content(content, SIGNER).render(a_recipient(items=["one"]), now=NOW)


def complaints(source: ContentSource, context: SourceContext) -> list[str]:
    content = a_content(source=source, context=context)
    if len(source.text) < 100_000:
        lint_content(content)
    found = [words(problem) for problem in check_content(content, []) if problem.blocks]
    with pytest.raises(TemplateProblemError):
        compile_content(content, SIGNER)
    return found


@pytest.mark.parametrize("inline_css", [False, True])
@pytest.mark.parametrize(
    "html",
    [
        "<p>One <b>two <table><tr><td>three <div>four",
        "</div></td></table><p>One</p></body></html>",
        LOOP,
        OUTLOOK,
        WORD,
        GOOGLE_DOCS,
        "<p>" + "word " * 8_000 + "</p>",
        '<img src="data:image/png;base64,' + "A" * 40_000 + '">',
        "<p>half \ud800 a character</p>",
        "<p>\0nothing \x0b\x85</p>",
        INNER_HOSTS,
        "<p>" * 5_000,
    ],
)
def test_odd_html_is_sent(html: str, *, inline_css: bool) -> None:
    begun = time.thread_time()
    message = sent(ContentSource("html", f"{SHEET}{html}", inline_css), SourceContext())
    assert time.thread_time() - begun < 2
    assert max(map(len, message.data.split(b"\r\n"))) <= 998
    assert not parsed(message).defects
    assert "Unsubscribe" in part(message, "html")
    assert "Unsubscribe" in part(message, "plain")


def test_what_only_outlook_reads_is_kept() -> None:
    message = sent(ContentSource("html", f"{SHEET}{OUTLOOK}", inline_css=True), SourceContext())
    html = part(message, "html")
    assert html.count("https://news.example.org/c/") == 2
    assert '<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" arcsize="8%"' in html


BOMBS = (
    "{{ 'x' * 1000000000 }}",
    "{{ '%0999999999d'|format(3) }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ lipsum(n=2000) }}",
    "{{ ''.__class__.__mro__ }}",
    "{% for a in range(999999999) %}x{% endfor %}",
    "{{ 9 ** 9 ** 9 }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% set a = 'x' * 99999 %}" + "{{ a ~ a }}" * 50,
    "{{ x|center(999999999) }}",
    "{% include '/etc/passwd' %}",
    "{% raw %}{{ x }}{% endraw %}",
    "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
)


@pytest.mark.parametrize("kind", ["html", "markdown", "mjml", "text"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_in_every_kind(kind: SourceKind, bomb: str) -> None:
    text = mjml(f"<mj-text>{bomb}</mj-text>") if kind == "mjml" else bomb
    begun = time.thread_time()
    assert complaints(ContentSource(kind, text), SourceContext())
    assert time.thread_time() - begun < 2


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("html", "<p>x" + " " * 2_000_000, "The text is longer than 512 KB."),
        ("mjml", mjml(" " * 2_000_000), "The text is longer than 512 KB."),
        ("markdown", "x " * 1_000_000, "The text is longer than"),
        ("text", "x " * 1_000_000, "The text is longer than 512 KB."),
        ("html", "".join(map(LINK.format, range(10_000))), "There are more than 1,000 links."),
        ("markdown", "[x](https://a.example/) " * 10_000, "The text is longer than"),
        ("html", "<p>x <!-- open", "never ends. Add -->"),
        ("html", '<p>x <a href="open', "never ends. Add -->, >"),
        ("html", '<div style="display: none">x', "never closed"),
        ("html", "{% if subscriber.name %}<p>", "endif"),
        ("mjml", mjml("<mj-tekst>x</mj-tekst>"), "MJML has no <mj-tekst>. Did you mean <mj-text>?"),
        ("mjml", mjml("<mj-text>" * 5_000), "is not closed"),
        ("mjml", "<mj-section>" * 5_000, "is outside of <mjml>"),
        ("markdown", ">" * 5_000 + " x", "Lists and quotes are nested too deeply."),
        ("html", "{{ snippet.a }}", "The snippets contain each other: a → b → a."),
        ("text", "{{ snippet.a }}", "The snippets contain each other: a → b → a."),
    ],
)
def test_what_cannot_be_sent_is_named(kind: SourceKind, text: str, sentence: str) -> None:
    context = SourceContext(snippets={"a": "{{ snippet.b }}", "b": "{{ snippet.a }}"})
    begun = time.thread_time()
    found = complaints(ContentSource(kind, text), context)
    assert time.thread_time() - begun < 5
    assert sentence in found[0]


def test_html_that_is_nested_too_deep_is_not_inlined() -> None:
    (found,) = complaints(
        ContentSource("html", f"{SHEET}\n{'<div>' * 5_000}", inline_css=True), SourceContext()
    )
    assert found.startswith("Line 2: The elements are nested more than 100 levels deep.")


STYLED = "<style>" + "i~p{color:red}" * 10 + "</style>" + "<p>a</p>" * 3_000


@pytest.mark.parametrize(
    "source",
    [
        ContentSource("html", STYLED, inline_css=True),
        ContentSource("mjml", mjml(f"<mj-raw>{STYLED}</mj-raw>")),
        ContentSource("blocks", json.dumps(document(block("html", code=STYLED)))),
    ],
)
def test_style_sheets_that_take_too_long_are_refused(source: ContentSource) -> None:
    begun = time.thread_time()
    (found,) = complaints(source, SourceContext())
    assert time.thread_time() - begun < 5
    assert "Use fewer rules, avoid “~” in selectors" in found
