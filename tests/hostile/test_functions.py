"""The time of functions that read external text grows no faster than the text."""

import io
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from campaigns import addresses, inputs
from campaigns.audience.imports import mapping, rows
from campaigns.audience.imports.detection import NotCsvError, Probe, guess_delimiter
from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.reader import Reader
from campaigns.content.html import inline_css, links, plain_text, scanner, tokens, wrapper
from campaigns.content.mime import dkim, message, quoted_printable
from campaigns.content.mime.compile import lint_content
from campaigns.content.sources import mjml
from campaigns.content.templating import filters
from campaigns.content.templating.limits import LimitError
from campaigns.delivery import outcomes
from campaigns.events.bounces import reading as bounces
from campaigns.mailbox import headers, reading
from campaigns.providers import certificates, classify, outgoing, retry_after
from campaigns.providers.smtp.replies import MalformedReplyError, ReplyReader, reply_text
from campaigns.tokens import BadTokenError, Signer
from tests.content.samples import a_content
from tests.hostile.growth import grows_too_fast

SIZE = 1_000

UNITS = (
    " ", "a", "\t", "\n", "\r\n", "\r\n ", "\x00", "é", "\u2028", "'", '"', '""', "\\", "(", "[",
    "{", "<", ">", "-", "=", "@", ".", ",", ";", ":", "/", "a@", "a.", '",', '"\n', "=\n", "= ",
    " =", "=?", "=?utf-8?q?", "=?utf-8?b?YQ==?= ", "&", "&amp;", "&#", "<a ", "<a>", "</a>",
    "<!--", "<!-- ", "-->", "<![endif]", "<!--[if mso]>", "<style>", "<script>", "<br>", "<p>",
    "<li>", "<ul>", "<head ", "<html ", "<!doctype ", "<x a=", "a='", 'a="', "a=b ",
    '<a href="https://e.org">x</a>', '<a href="https://e.org"><br>x<br></a>', "{{", "{{ ", "}}",
    "{%", "{#", "#}", "{{ a }}", "{% if a %}", "{% endif %}", "{#a", "cid:", "data:",
    "-----BEGIN A-----", "-----END A-----", "queued as ", "ok:a", "try again ", "user ", "someone ",
    "until ", "Subject: a\r\n", "subject :\n ", "Content-Type: a;", "v=spf1 ", "p=", "id=", "%20",
    "v=STSv1;", "\ud800", "mailto:", "*|a|*", "*|a", "[[a]] ", "%%a", "%a", "{a|", "<<a>>", "url(",
    'url("', '<p id="a">', '<a href="#a">', "[your a] ", '{{ "a" or a }}', "{{ #a", "a@b.com,",
    "{{ view_url }}", "{% if a %}<p hidden></p>", "<!-- {% if a %} -->", "<pre> \n",
)  # fmt: skip

BEGINNINGS: dict[str, tuple[str, ...]] = {
    "lint": ("", '<a href="', '<a href="mailto:', "<style>", '<img srcset="', '<p style="'),
    "inline": ("", "<p ", '<p style="', "<table>", "<style>"),
    "mjml": ("", "<mjml><mj-body>", "<mjml><mj-head><mj-attributes><mj-text "),
    "rewrite": ("", "<a ", '<a href="', "<style>", "<!--[if mso]>"),
    "parse_message": (
        "", "Subject: ", "Content-Type: multipart/mixed; boundary=a\r\n\r\n",
        "Content-Type: text/html; charset=", 'Content-Disposition: attachment; filename="',
        "Content-Type: text/html\r\n\r\n", "To: ",
    ),
    "read_headers": ("", "Subject: "),
    "certificate": ("", "-----BEGIN CERTIFICATE-----"),
    "csv": ("", '"', 'a,"', "a@example.org,"),
    "guess": ("", '"'),
    "safe_url": ("", "https://", "a"),
    "token": ("", "a."),
    "bounce": (
        "From: MAILER-DAEMON\n\nYour message could not be delivered:\n\n<a@example.org>: ",
        "From: MAILER-DAEMON\nContent-Type: message/delivery-status\n\nFinal-Recipient: a; ",
    ),
}  # fmt: skip

ENDINGS: dict[str, tuple[str, ...]] = {"address": ("\x00", "", "a@example.org>", '"')}
"""What stands at the end; for most readers something that fits nothing before it."""
SIZES = {"address": 40_000}
"""Where a step is so quick that only long texts tell."""


def rewrite(source: str) -> None:
    guarded = tokens.guard(tokens.separate_css(tokens.normalise(source)))
    parts, _ = scanner.read_whole(guarded.text)
    found = links.rewrite(guarded, parts, track=True)
    converted = plain_text.to_text(guarded, parts, found.text_targets)
    shown = wrapper.Parts(converted.always)
    links.apply(guarded.text, [*found.edits, *wrapper.frame(guarded, parts, shown)])
    plain_text.template_source(converted.source, guarded)


def lint(source: str) -> None:
    lint_content(a_content(source, subject=source[:1_000]))


def parse_message(source: str) -> None:
    letter = reading.parse_message(source.encode("utf-8", "replace"))
    reading.framed_html(letter)


def certificate(source: str) -> None:
    with pytest.raises(certificates.CertificateError):
        certificates.checked(source, source)


def csv(source: str) -> None:
    file = io.BytesIO(source.encode("utf-8", "replace"))
    for row in Reader(file, Dialect("utf-8", ","), columns=3):
        row.cells[:] = [rows.clean(cell) for cell in row.cells]


def probe(source: str) -> None:
    found = Probe()
    found.feed(source.encode("utf-8", "replace"))
    with suppress(NotCsvError):
        found.dialect()


def address(source: str) -> None:
    with suppress(addresses.InvalidAddressError):
        addresses.parse(source)


def server_reply(source: str) -> None:
    reader = ReplyReader()
    reader.feed(b"550-" + source.encode("utf-8", "replace"))
    with suppress(MalformedReplyError):
        reader.next()
    reply_text(550, source)


def token(source: str) -> None:
    with pytest.raises(BadTokenError):
        Signer(["a key that is long enough for this"]).unsign("confirm", source)


def filtered(source: str) -> None:
    source = source[: 30 * 1024]
    for name, function in filters.FILTERS.items():
        if name not in {"round", "truncate"}:
            takes_context = getattr(function, "jinja_pass_arg", None) is not None
            with suppress(LimitError):
                function(*([None] if takes_context else []), source)
    filters.FILTERS["truncate"](source, 80)


READERS: dict[str, Callable[[str], Any]] = {
    "rewrite": rewrite,
    "lint": lint,
    "inline": lambda source: inline_css.inline_sheet(source, "p, a, li { color: red }"),
    "mjml": mjml.mjml_to_html,
    "plain_text": plain_text.plain_text,
    "parse_message": parse_message,
    "read_headers": lambda source: headers.read_headers(source.encode("utf-8", "replace")),
    "decode": headers.decode.__wrapped__,
    "safe_name": reading.safe_name,
    "certificate": certificate,
    "csv": csv,
    "probe": probe,
    "guess": guess_delimiter,
    "attribute_name": mapping.attribute_name,
    "address": address,
    "one_line": inputs.one_line,
    "reply": server_reply,
    "bounce": lambda source: bounces.classify(source.encode("utf-8", "replace")),
    "classify": lambda source: classify.classify(550, source),
    "requested_wait": lambda source: retry_after._span(source[:1000]),
    "split_reply": outcomes.split_reply,
    "token": token,
    "filters": filtered,
    "safe_url": links.safe_url,
    "quoted": lambda source: quoted_printable.decode(
        quoted_printable.join((quoted_printable.encode(source),))
    ),
    "clean": lambda source: message.clean(source, 400),
    "unstructured": lambda source: message.unstructured("Subject", message.clean(source, 10**7)),
    "mailbox": lambda source: message.mailbox("From", source, source),
    "dkim": lambda source: dkim.relaxed_body(source.encode("utf-8", "replace")),
    "dkim_field": lambda source: dkim.relaxed_field(
        b"Subject: " + source.encode("utf-8", "replace")
    ),
    "outgoing": outgoing.why_not_usable,
}


@pytest.mark.parametrize("name", READERS)
def test_external_text_is_read_in_linear_time(name: str) -> None:
    read, found = READERS[name], []
    for begin in BEGINNINGS.get(name, ("",)):
        for unit, end in product(UNITS, ENDINGS.get(name, ("\x00",))):

            def make(size: int, begin: str = begin, unit: str = unit, end: str = end) -> str:
                return begin + unit * (size // len(unit) + 1) + end

            if why := grows_too_fast(read, make, SIZES.get(name, SIZE)):
                found.append(f"{begin!r} + {unit!r} * n + {end!r}: {why}")
    assert found == []
