"""A message of the kind `text` has no HTML, no pixel and no tracked links."""

import email
import email.policy
from typing import Any

import pytest

from campaigns.content.mime.attachments import Attachment
from campaigns.content.mime.compile import Compiled, check_content, lint_content
from campaigns.content.sources.source import ContentSource, SourceContext
from campaigns.messages import Message
from tests.content.samples import (
    NOW,
    a_content,
    a_recipient,
    compiled,
    parsed,
    part,
    words,
)


def plain(text: str, **values: Any) -> Compiled:
    return compiled(source=ContentSource("text", text), **values)


def sent(text: str, **values: Any) -> Message:
    return plain(text, **values).render(a_recipient(), now=NOW)


def body(text: str, **attributes: Any) -> str:
    recipient = a_recipient(**attributes)
    return plain(text).preview(recipient).text.partition("\n\n----------")[0]


def test_the_message_is_plain_text_alone() -> None:
    message = parsed(sent("Hello {{ subscriber.name }} <b>&amp;"))
    assert message.get_content_type() == "text/plain"
    assert not message.is_multipart()
    assert message.get_content().startswith("Hello Alice <b>&amp;")


def test_nothing_in_it_is_tracked() -> None:
    text = part(sent("See https://shop.example/?a=1 and https://news.example/"), "plain")
    assert "See https://shop.example/?a=1 and https://news.example/" in text
    assert "/c/" not in text
    assert "/o/" not in text


def test_it_ends_with_the_address_and_a_way_out() -> None:
    text = part(sent("Hello"), "plain")
    assert "1 Example Road\nExample Town" in text
    assert "Unsubscribe: https://news.example.org/u/" in text


def test_an_own_way_out_is_not_repeated() -> None:
    own = "Leave: {{ unsubscribe_url }}\n{{ sender.identity }}, {{ sender.postal_address }}"
    assert part(sent(own), "plain").count("https://news.example.org/u/") == 1


def test_a_way_out_that_some_do_not_see_is_no_way_out() -> None:
    text = part(sent("{% if subscriber.city %}{{ unsubscribe_url }}{% endif %}"), "plain")
    assert "Unsubscribe: https://news.example.org/u/" in text


def test_values_in_web_addresses_are_encoded() -> None:
    assert body("https://shop.example/?n={{ subscriber.name }}&x", name="A & B") == (
        "https://shop.example/?n=A%20%26%20B&x"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("詳しくはhttps://example.com/sale。{{ subscriber.name }}様", "/sale。太 郎様"),
        ("「https://example.com/sale」{{ subscriber.name }}様", "/sale」太 郎様"),
        ("見るhttps://example.com/{{ subscriber.name }}です", "/%E5%A4%AA%20%E9%83%8Eです"),
        ("https://example.com/x,{{ subscriber.name }}", "/x,太 郎"),
        ("(https://example.com/x){{ subscriber.name }}!", "/x)太 郎!"),
        ("https://example.com/x. {{ subscriber.name }}", "/x. 太 郎"),
        ("https://example.com/?at=1,{{ subscriber.name }}", "/?at=1,%E5%A4%AA%20%E9%83%8E"),
        ("https://example.com/?{{ subscriber.name }}", "/?%E5%A4%AA%20%E9%83%8E"),
        ("https://example.com/a,{{ subscriber.name }}/b", "/a,%E5%A4%AA%20%E9%83%8E/b"),
        ("https://bücher.example/ж/{{ subscriber.name }}", "/ж/%E5%A4%AA%20%E9%83%8E"),
        ("HTTPS://EXAMPLE.COM/{{ subscriber.name }}", "/%E5%A4%AA%20%E9%83%8E"),
    ],
)  # fmt: skip
def test_values_after_a_web_address_are_shown_as_they_are(text: str, shown: str) -> None:
    found = plain(text).preview(a_recipient("太 郎")).text
    assert found.partition("\n\n----------")[0].endswith(shown)


def test_lines_with_only_conditions_leave_no_empty_lines() -> None:
    text = "One\n  {% if true %}{# why #}\nTwo\n{% endif %}\nThree {% if true %}\n4{% endif %}"
    assert body(text) == "One\nTwo\nThree \n4"


def test_a_snippet_comes_as_text() -> None:
    source = ContentSource("text", "{{ snippet.shop }}")
    snippet = '<p>Dear {{ subscriber.name }}, <a href="https://shop.example/">our shop</a></p>'
    context = SourceContext(snippets={"shop": snippet})
    text = compiled(source=source, context=context).preview(a_recipient()).text
    assert text.startswith("Dear Alice, our shop (https://shop.example/)")


def test_a_file_is_attached_to_it() -> None:
    files = (Attachment("a.pdf", "application/pdf", b"%PDF-1.7"),)
    message = email.message_from_bytes(
        sent("Hello", attachments=files).data, policy=email.policy.strict
    )
    assert message.get_content_type() == "multipart/mixed"
    assert [one.get_content_type() for one in message.iter_parts()] == [
        "text/plain",
        "application/pdf",
    ]


def test_in_the_browser_its_addresses_are_links() -> None:
    page = plain("<b> https://shop.example/?a=1&b=2.").render_web(a_recipient())
    link = "https://shop.example/?a=1&amp;b=2"
    assert f'&lt;b&gt; <a href="{link}">{link}</a>.' in page


def test_text_after_an_address_without_a_space_is_no_part_of_its_link() -> None:
    page = plain("見るhttps://shop.example/sale。次").render_web(a_recipient())
    link = "https://shop.example/sale"
    assert f'見る<a href="{link}">{link}</a>。次' in page


def test_its_problems_have_lines() -> None:
    content = a_content(source=ContentSource("text", "One\n\n{{ subscriber.name }\n*|FNAME|*"))
    assert [problem.line for problem in check_content(content, [])] == [3]
    content = a_content(source=ContentSource("text", "One\n\n*|FNAME|*"))
    (finding,) = lint_content(content)
    assert finding.problem.line == 3
    assert "{{ subscriber.first_name }}" in words(finding.problem)
