"""Snippets and images of the library come into a source of any kind."""

import time
from typing import Any

import pytest

from campaigns.content.mime.compile import check_content
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.references import Expanded
from campaigns.content.sources.source import ContentSource, MediaFile, SourceContext
from campaigns.content.templating import limits
from campaigns.wording import Words
from tests.content.samples import a_content

LOGO = MediaFile("https://news.example/m/logo.png?a=1&b=2", 320, 80)
MEDIA = {"aBcDeF123456": LOGO}


def expanded(source: str, **values: Any) -> Expanded:
    return Expanded(source, SourceContext(**values))


def complaint(source: str, **values: Any) -> tuple[int, str]:
    (problem,) = expanded(source, **values).problems
    return problem.line, Words().of(problem.reason)


@pytest.mark.parametrize(
    "tag", ["{{ snippet.note }}", "{{snippet.note}}", "{{- snippet['note'] -}}"]
)
def test_a_snippet_is_replaced_by_its_text(tag: str) -> None:
    snippets = {"note": "<b>{{ subscriber.name }}</b>"}
    assert (
        expanded(f"<p>{tag}</p>", snippets=snippets).text == "<p><b>{{ subscriber.name }}</b></p>"
    )


def test_snippets_may_contain_others() -> None:
    snippets = {"one": "1 {{ snippet.two }}", "two": "2"}
    assert expanded("{{ snippet.one }}", snippets=snippets).text == "1 2"


def test_snippets_that_contain_each_other_are_named() -> None:
    snippets = {"one": "{{ snippet.two }}", "two": "\n{{ snippet.one }}"}
    assert complaint("\n{{ snippet.one }}", snippets=snippets) == (
        2,
        "The snippets contain each other: one → two → one. Remove one of them from the other.",
    )


def test_an_unknown_snippet_is_named() -> None:
    line, sentence = complaint("<p>\n\n{{ snippet.nothing }}")
    assert line == 3
    assert sentence.startswith("There is no snippet “nothing”.")


def test_a_snippet_with_a_filter_is_refused() -> None:
    _, sentence = complaint("{{ snippet.note|upper }}", snippets={"note": "x"})
    assert sentence.startswith("{{ snippet.note|upper }} does more than show a snippet.")


def test_snippets_that_multiply_are_refused() -> None:
    snippets = {f"s{at}": f"{{{{ snippet.s{at + 1} }}}}" * 30 for at in range(8)}
    _, sentence = complaint("{{ snippet.s0 }}", snippets={**snippets, "s8": "text " * 100})
    assert sentence == "The text is longer than 512 KB. Shorten it."


def test_snippets_that_multiply_to_nothing_take_no_time() -> None:
    snippets = {"a": ""} | {new: f"{{{{ snippet.{old} }}}}" * 2_000 for old, new in ("ab", "bc")}
    began = time.process_time()
    assert expanded("{{ snippet.c }}" * 2_000, snippets=snippets).text == ""
    assert time.process_time() - began < 2


def test_a_large_snippet_used_ten_thousand_times_is_not_written_out() -> None:
    found = expanded("{{ snippet.a }}" * 10_000, snippets={"a": "x" * 64_000})
    assert [one.reason.code for one in found.problems] == ["template.source_too_long"]
    assert len(found.text) < 2 * limits.MAX_SOURCE


def test_a_problem_after_a_long_snippet_has_the_line_of_its_author() -> None:
    content = a_content(
        "<p>\n{{ snippet.note }}\n{{ nonsense }}</p>",
        context=SourceContext(snippets={"note": "a\nb\nc\n"}),
    )
    assert [problem.line for problem in check_content(content, [])] == [3]


@pytest.mark.parametrize("kind", ["html", "mjml"])
def test_images_of_the_library_get_their_url(kind: Any) -> None:
    written = {
        "html": '<img src="media:aBcDeF123456" alt="">',
        "mjml": "<mjml><mj-body><mj-section><mj-column>"
        '<mj-image src="media:aBcDeF123456" /></mj-column></mj-section></mj-body></mjml>',
    }
    page = compile_source(ContentSource(kind, written[kind]), SourceContext(media=MEDIA))
    assert 'src="https://news.example/m/logo.png?a=1&amp;b=2"' in page.html


def test_an_image_that_is_gone_is_named() -> None:
    line, sentence = complaint('<p>\n<img src="media:gonegone1234">')
    assert line == 2
    assert sentence.startswith("The image “media:gonegone1234” is not in the media library.")


@pytest.mark.parametrize(
    "text", ["social media:aBcDeF123456789", "https://x.example/media:aBcDeF123456", "media: news"]
)
def test_other_text_is_no_image(text: str) -> None:
    assert expanded(text).text == text
    assert expanded(text).problems == []
