"""Captured messages are parsed, however they are structured."""

import re
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.mailbox.headers import read_headers
from campaigns.mailbox.reading import framed_html, parse_message, safe_name

PICTURE = b"\x89PNG\r\n\x1a\n picture"


def a_newsletter() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Bücher <news@example.org>"
    message["Subject"] = "Grüße aus Köln, " * 8
    message.set_content("Text: grüß dich\n")
    message.add_alternative('<p>HTML: ä</p><img src="cid:logo">', subtype="html")
    _, html = message.iter_parts()
    assert isinstance(html, EmailMessage)
    html.add_related(PICTURE, "image", "png", cid="<logo>", filename="logo.png")
    message.add_attachment(b"a;b", maintype="text", subtype="csv", filename="Preise für März.csv")
    return message


def test_all_parts_of_a_newsletter_are_found() -> None:
    letter = parse_message(a_newsletter().as_bytes())
    assert letter.subject == ("Grüße aus Köln, " * 8).strip()
    assert letter.from_header == "Bücher <news@example.org>"
    assert letter.text == "Text: grüß dich\n"
    assert letter.html is not None
    assert "HTML: ä" in letter.html
    assert [(a.name, a.content_type, a.content) for a in letter.attachments] == [
        ("logo.png", "image/png", PICTURE),
        ("Preise für März.csv", "text/csv", b"a;b"),
    ]


def test_inline_images_are_embedded_in_the_html() -> None:
    framed = framed_html(parse_message(a_newsletter().as_bytes()))
    assert 'src="data:image/png;base64,' in framed
    assert "cid:" not in framed


@pytest.mark.parametrize(
    ("html", "framed"),
    [
        ("<p>x</p>", '<base target="_blank"><p>x</p>'),
        ("<html><head><title>", '<html><head><base target="_blank"><title>'),
        ("<!DOCTYPE html><HTML lang=en>x", '<!DOCTYPE html><HTML lang=en><base target="_blank">x'),
        ("\n<!doctype html>\n<p>", '\n<!doctype html><base target="_blank">\n<p>'),
        ("<header>x", '<base target="_blank"><header>x'),
    ],
)  # fmt: skip
def test_links_open_a_new_tab(html: str, framed: str) -> None:
    raw = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    assert framed_html(parse_message(raw)) == framed


def test_a_message_inside_a_message_is_an_attachment() -> None:
    outer = EmailMessage()
    outer.set_content("See below\n")
    outer.add_attachment(a_newsletter())
    letter = parse_message(outer.as_bytes())
    assert letter.text == "See below\n"
    assert letter.html is None
    assert letter.attachments[0].name == "part-1.eml"
    assert b"Text: gr" in letter.attachments[0].content


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        (".bashrc", "bashrc"),
        ("a\r\nSet-Cookie: x", "a Set-Cookie_ x"),
        ("invoice\u202egnp.exe", "invoice_gnp.exe"),
        ("..", ""),
        ("x" * 500 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_file_names_are_sanitized(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("head", "subject"),
    [
        (b"Subject: plain", "plain"),
        (b"SUBJECT:folded\r\n line\r\nX: 1", "folded line"),
        (b"Subject: =?utf-8?b?R3LDvMOf?= =?utf-8?q?e?=", "Grüße"),
        ("Subject: raw ü".encode(), "raw ü"),
        (b"Subject: \xff\xfe", "\ufffd\ufffd"),
        (b"Subject: =?nonsense?q?a=E9?=", "aé"),
        (b"Subject: =?utf-8?b?a?=", "=?utf-8?b?a?="),
        (b"Subject: =?utf-7?q?+2AA-?=", "\ufffd"),
        (b"Subject: a\x00b\x1b[31m", "a b [31m"),
        (b"Subject: first\r\nSubject: second", "first"),
        (b"X: 1\r\n\r\nSubject: in the body", ""),
        (b"", ""),
    ],
)
def test_subjects_are_read_from_any_header(head: bytes, subject: str) -> None:
    found = read_headers(head + b"\r\n\r\nbody").subject
    assert found.replace("?", "\ufffd") == subject.replace("?", "\ufffd")


@given(st.binary(max_size=400))
def test_broken_email_raises_no_error(noise: bytes) -> None:
    for head in (b"", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", b"Subject: =?"):
        raw = head + noise
        read_headers(raw)
        framed_html(parse_message(raw))


_TOKENS = re.findall(rb"\S+\s?|\s", a_newsletter().as_bytes())


@given(st.lists(st.sampled_from(_TOKENS), max_size=60))
def test_shuffled_email_raises_no_error(tokens: list[bytes]) -> None:
    raw = b"".join(tokens)
    read_headers(raw)
    framed_html(parse_message(raw)).encode()


def test_an_address_in_utf8_is_shown_as_written() -> None:
    raw = "To: =?utf-8?b?RMO2cnRl?= <dörte@drei.example>\r\n\r\nHello".encode()
    assert parse_message(raw).to_header == "Dörte <dörte@drei.example>"
