"""Dead targets, placeholders and merge tags of other programs are found, with their line."""

import time

import pytest

from campaigns.content.compile import lint_content
from campaigns.content.lint import dead_target, foreign_tags, is_placeholder, meant_by
from campaigns.content.problems import Problem
from tests.content.samples import a_content


def found(html: str, **values: object) -> list[Problem]:
    return [finding.problem for finding in lint_content(a_content(html, **values))]


def said(html: str) -> str:
    return "\n".join(str(problem) for problem in found(html))


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("*|FNAME|*", "{{ subscriber.name }}"),
        ("*|UNSUB|*", "{{ unsubscribe_url }}"),
        ("*|ARCHIVE|*", "{{ view_url }}"),
        ("[[name]]", "{{ subscriber.name }}"),
        ("%%firstname%%", "{{ subscriber.name }}"),
        ("{contactfield=firstname}", "{{ subscriber.name }}"),
        ("${name}", "{{ subscriber.name }}"),
        ("##NAME##", "{{ subscriber.name }}"),
        ("[UNSUBSCRIBEURL]", "{{ unsubscribe_url }}"),
        ("%unsubscribe_url%", "{{ unsubscribe_url }}"),
        ("%FIRSTNAME%", "{{ subscriber.name }}"),
        ("{$email}", "{{ subscriber.email }}"),
        ("<%= user.name %>", "{{ subscriber.name }}"),
        ("{!Contact.Email}", "{{ subscriber.email }}"),
        ("#{first_name}", "{{ subscriber.name }}"),
        ("{first_name}", "{{ subscriber.name }}"),
        ("*|MC:SUBJECT|*", "{{ campaign.subject }}"),
    ],
)
def test_merge_tags_of_other_programs_are_named_with_the_field_to_use(tag: str, meant: str) -> None:
    assert [name for _, name in foreign_tags(f"Dear {tag},")] == [tag]
    assert meant_by(tag) == meant
    if not tag.startswith("<%"):
        words = said(f"<p>Hello</p>\n<p>Dear {tag},</p>")
        assert "Line 2: " in words
        assert f"“{tag}” is a merge tag of another program" in words
        assert f"Use {meant} instead" in words


@pytest.mark.parametrize(
    "html",
    [
        "<style>[class*=x] { width: 100%; } a[href^='x'] {} #{x} ##y##</style><p>Hi</p>",
        "<p>Only $5, 100% wool, 50% off and 20% more: 5%name</p>",
        "<p>## Headline ##</p><p># one ## two</p>",
        '<script type="application/ld+json">{"name": "${x}", "a": [["b"]]}</script><p>Hi</p>',
        "<p>{{ subscriber.name }} [1] [x] {a} { b } 3 * |x| * [see below]</p>",
        "<p>a[i][j] and 100 %% sure, C:\\ drive, $ {x}</p>",
        '<p class="[[x]] %%y%%" style="width:calc(100% - 5px)">Hi</p>',
        '<p><a href="#top">Up</a> <a name="top"></a></p>',
        '<p><a href="https://shop.company.com/?a=%20b&amp;q=100%25">Shop</a></p>',
        '<p><a href="mailto:ann@company.com">Ann</a> <a href="tel:+49123">Call</a></p>',
        '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
        '<p><a href="https://company.com/?n={{ subscriber.name }}">You</a></p>',
        '<p><a href="https://bücher.de/">B</a> <a href="https://8.8.8.8/x">ip</a></p>',
        '<img src="https://cdn.company.com/a.png" alt="a">',
    ],
)
def test_no_false_alarms(html: str) -> None:
    assert said(html) == ""


@pytest.mark.parametrize(
    "target",
    [
        "", "#", "www.shop.com/sale", "shop.com", "/sale", "index.html", "file:///C:/x.html",
        "https://", "http://", "http:// shop.com", "hhtps://shop.com", "htp://shop.com",
        "http://localhost:3000/x", "http://127.0.0.1/", "http://192.168.0.4/x", "http://10.1.2.3/",
        "http://[::1]/", "http://printer.local/", "C:\\Users\\me\\x.html", "\\\\server\\x",
        "https:/shop.com",
        "//cdn.shop.com/x", "http://intranet/", "javascript:void(0)", "ftp://shop.com/x", "*|URL|*",
        "shop.com:8080/x", "../a.html", "mailto:",
    ],
)  # fmt: skip
def test_links_that_nobody_can_open_are_found_with_their_line(target: str) -> None:
    assert dead_target(target)
    (problem, *_) = [
        entry
        for entry in found(f'<p>Hello</p>\n<p><a href="{target}">Sale</a></p>')
        if "Sale" in entry.message
    ]
    assert problem.line == 2
    assert not problem.blocks


@pytest.mark.parametrize(
    "source",
    ["images/logo.png", "C:\\Users\\me\\logo.png", "", "file:///x.png", "http://localhost/a.png",
     "data:image/png;base64,AAAA", "cid:logo", "https://example.com/a.png"],
)  # fmt: skip
def test_images_that_nobody_can_see_are_found(source: str) -> None:
    (problem,) = found(f'<p>Hello</p>\n\n<img src="{source}" alt="Logo">')
    assert problem.line == 3
    assert not problem.blocks
    assert "image" in problem.message


@pytest.mark.parametrize(
    "target",
    ["https://example.org", "https://www.example.com/x", "https://your-link-here",
     "https://yourdomain.com/", "https://shop.company.com/insert-link"],
)  # fmt: skip
def test_placeholder_links_are_found(target: str) -> None:
    assert is_placeholder(target)
    assert said(f'<a href="{target}">Buy</a>')


@pytest.mark.parametrize(
    "target",
    ["", "#", "*|UNSUB|*", "[UNSUBSCRIBEURL]", "%unsubscribe_url%", "https://",
     "https://example.com/unsubscribe", "%7B%7B%20unsubscribe_url%20%7D%7D",
     "http://{{ unsubscribe_url }}"],
)  # fmt: skip
@pytest.mark.parametrize("words", ["Unsubscribe", "opt out", "Hier abmelden", "Se désabonner"])
def test_a_visible_unsubscribe_link_is_never_dead(target: str, words: str) -> None:
    problems = found(f'<p>x</p>\n<p><a href="{target}"><b>{words}</b></a></p>')
    assert any(problem.blocks and problem.line == 2 for problem in problems)


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("%7B%7B%20unsubscribe_url%20%7D%7D", "Write {{ unsubscribe_url }} instead."),
        ("https://shop.com/?n=%7B%7Bsubscriber.name%7D%7D", "Write {{ subscriber.name }} instead."),
        ("https://{{ view_url }}", "has http:// before {{ view_url }}"),
    ],
)
def test_mangled_fields_are_problems_with_the_line(target: str, hint: str) -> None:
    (problem,) = found(f'<p>x</p>\n<p><a href="{target}">out</a></p>')
    assert (problem.blocks, problem.line) == (True, 2)
    assert hint in problem.message


def test_merge_tags_in_a_subject_are_found() -> None:
    (problem,) = found("<p>x</p>", subject="Hello *|FNAME|*")
    assert (problem.field, problem.blocks) == ("subject", False)


@pytest.mark.parametrize("piece", ["*|a", "[[a ", "%%a", "{a=", "<% ", "[A_", "%a_", "{{{", "#{"])
def test_hostile_text_takes_no_time(piece: str) -> None:
    begun = time.monotonic()
    list(foreign_tags(piece * 20_000))
    assert time.monotonic() - begun < 5
