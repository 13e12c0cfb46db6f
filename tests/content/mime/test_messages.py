"""Messages on the wire: headers, encodings and injection, checked with the standard library."""

import quopri
import re
from dataclasses import replace
from email.header import decode_header, make_header
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content.mime import message as mime
from campaigns.content.mime import quoted_printable
from campaigns.messages import Message, Recipient
from campaigns.providers.presets import PRESETS, Preset
from campaigns.tokens import DeliveryRef, find_delivery_tokens, read_delivery_token
from tests.content.samples import NOW, SIGNER, a_recipient, compiled, parsed, part

HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "Precedence",
    "MIME-Version",
    "Content-Type",
]

READY = compiled("<p>{{ subscriber.name }}|{{ subscriber.v }}</p>\n.\n..\n" + " \t\n" * 3)
TEXT = st.text(st.characters(codec="utf-8"), max_size=300)
HOSTILE = [
    "",
    "\r\nBcc: victim@example.org",
    "a\nSubject: b\n\n<script>",
    "a\rX: b",
    "nul\0byte",
    "next\x85line",
    "line\u2028and\u2029paragraph",
    "=?utf-8?q?=0D=0ABcc:_x?=",
    'quote " and \\ backslash',
    "Zoë 🎉 ünïcode " * 20,
    "x" * 5000,
    "a, b <c@d.example>; (e)",
    "\ud800 lone surrogate",
    "\t tab   and  blanks ",
    ".",
    "מזל טוב",
]


def send(recipient: Recipient | None = None, **values: Any) -> Message:
    return compiled(**values).render(recipient or a_recipient(), now=NOW)


def check_wire(message: Message) -> None:
    """F1, F2, F3: check what holds for every message."""
    data = message.data
    assert data.endswith(b"\r\n")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\0" not in data
    head, _, body = data.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 120  # a folded line may contain one long address
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert len(head) < 8192
    mail = parsed(message)
    assert mail.keys() == HEADERS
    assert not mail.defects
    assert [entry.get_content_type() for entry in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    for entry in mail.iter_parts():
        assert entry["Content-Transfer-Encoding"] == "quoted-printable"
        assert entry.get_content_charset() == "utf-8"
        assert not entry.defects


def test_the_headers_of_bulk_email_are_in_order_and_unique() -> None:
    message = send()
    check_wire(message)
    mail = parsed(message)
    assert mail["From"] == "Example News <news@example.org>"
    assert mail["To"] == "Alice <alice@example.org>"
    assert mail["Subject"] == "Hello Alice"
    assert parsedate_to_datetime(mail["Date"]) == NOW
    assert mail["List-Id"] == "Weekly <1.list.example.org>"
    assert mail["Precedence"] == "bulk"
    assert re.fullmatch(r"abc123:campaigns:bulk:[0-9a-f]{12}", mail["Feedback-ID"])


def test_u1_u2_one_click_headers_of_many_messages() -> None:
    """U1, U2: exactly one https URL in ASCII without spaces, and the exact POST value."""
    ready = compiled()
    seen = set()
    for number in range(1, 1001):
        recipient = Recipient(number, number + 5, 1, f"p{number}@example.org", f"Pérson {number}")
        message = ready.render(recipient, now=NOW)
        found = re.findall(rb"^List-Unsubscribe: (.*)\r\n(?![ \t])", message.data, re.MULTILINE)
        assert len(found) == 1
        address = re.fullmatch(
            r"<https://news\.example\.org/u/([A-Za-z0-9_-]+)>", found[0].decode()
        )
        assert address is not None
        ref = DeliveryRef.unpack(SIGNER.unsign("unsubscribe", address[1]))
        assert ref == DeliveryRef(number + 5, 1, number)
        assert message.data.count(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") == 1
        assert message.data.count(b"List-Unsubscribe-Post") == 1
        seen.add(address[1])
    assert len(seen) == 1000


def test_u1_an_international_host_becomes_a_labels() -> None:
    message = send(base_url="https://nöws.example:8443/mail/")
    assert b"List-Unsubscribe: <https://xn--nws-sna.example:8443/mail/u/" in message.data
    check_wire(message)


def test_over_http_there_is_a_link_but_no_one_click_header() -> None:
    mail = parsed(send(base_url="http://127.0.0.1:8000"))
    assert str(mail["List-Unsubscribe"]).startswith("<http://127.0.0.1:8000/u/")
    assert "List-Unsubscribe-Post" not in mail


def ways_to_leave(message: Message) -> list[str]:
    return re.findall(r"<([^>]+)>", str(parsed(message)["List-Unsubscribe"]))


def test_where_return_addresses_reach_us_an_email_unsubscribes_too() -> None:
    message = send(unsubscribe_domain="example.org")
    check_wire(message)
    link, email = ways_to_leave(message)
    assert link.startswith("https://news.example.org/u/"), "one click comes first"
    assert email == f"mailto:{message.mail_from}?subject=unsubscribe"
    token = message.mail_from[2:].partition("@")[0]
    assert read_delivery_token(SIGNER, token) == 7
    assert parsed(message)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_an_international_domain_takes_emails_as_a_labels() -> None:
    domain = "xn--mnchen-3ya.example"
    message = send(sender_address="news@münchen.example", unsubscribe_domain=domain)
    assert ways_to_leave(message)[1].endswith(f"@{domain}?subject=unsubscribe")


@pytest.mark.parametrize("domain", ["", "example.net", "news.example.org"])
def test_without_a_proof_for_the_senders_domain_there_is_only_the_link(domain: str) -> None:
    assert len(ways_to_leave(send(unsubscribe_domain=domain))) == 1


def test_a_test_email_of_no_delivery_offers_only_the_link() -> None:
    message = send(a_recipient(delivery_id=0), unsubscribe_domain="example.org")
    assert len(ways_to_leave(message)) == 1


def test_an_international_sender_domain_is_sent_as_a_labels() -> None:
    message = send(sender_address="news@münchen.example", reply_to="hallo@münchen.example")
    mail = parsed(message)
    assert mail["From"].addresses[0].addr_spec == "news@xn--mnchen-3ya.example"
    assert mail["Reply-To"] == "hallo@xn--mnchen-3ya.example"
    assert message.mail_from.endswith("@xn--mnchen-3ya.example")
    assert mail["Message-ID"].endswith("@xn--mnchen-3ya.example>")


def test_the_return_path_names_the_delivery() -> None:
    local, _, domain = send().mail_from.partition("@")
    assert local.startswith("b+")
    assert (read_delivery_token(SIGNER, local[2:]), domain) == (7, "example.org")
    assert send(use_return_path=False).mail_from == "news@example.org"
    assert send(a_recipient(delivery_id=0)).mail_from == "news@example.org"


@pytest.mark.parametrize("preset", [one for one in PRESETS if one.echoed_header])
def test_a_provider_that_rewrites_the_return_path_gets_the_token_for_its_webhooks(
    preset: Preset,
) -> None:
    mail = parsed(send(echoed_header=preset.echoed_header))
    name = preset.echoed_header.partition(":")[0]
    (token,) = find_delivery_tokens(str(mail[name]))
    assert read_delivery_token(SIGNER, token) == 7
    test_email = parsed(send(a_recipient(delivery_id=0), echoed_header=preset.echoed_header))
    assert test_email[name] is None


def test_the_message_id_is_unique_per_delivery_and_equal_for_each_attempt() -> None:
    ready = compiled()
    later = NOW.replace(hour=23)
    first = parsed(ready.render(a_recipient(), now=NOW))["Message-ID"]
    assert parsed(ready.render(a_recipient(), now=later))["Message-ID"] == first
    assert parsed(ready.render(a_recipient(delivery_id=8), now=NOW))["Message-ID"] != first
    token, _, domain = first.strip("<>").partition("@")
    assert (read_delivery_token(SIGNER, token), domain) == (7, "example.org")
    tests = {
        parsed(ready.render(a_recipient(delivery_id=0), now=now))["Message-ID"]
        for now in (NOW, later)
    }
    assert len(tests) == 2


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_f7_no_input_adds_a_header(text: str) -> None:
    """F7: through subject, preheader, names, lists and attributes, after rendering."""
    message = send(
        Recipient(7, 5, 1, "alice@example.org", text, {"city": text}),
        subject="Hi {{ subscriber.name }} {{ subscriber.city }}",
        preheader="{{ subscriber.city }}",
        sender_name=text,
        list_names={1: text},
        html="<p>{{ subscriber.city }} <a href='https://x.example/{{ subscriber.city }}'>x</a></p>",
    )
    check_wire(message)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_f7_a_hostile_address_adds_no_header(text: str) -> None:
    message = send(Recipient(7, 5, 1, f"a{text[:100]}@example.org", "Alice"))
    assert parsed(message).keys() == HEADERS
    assert b"\r" not in message.data.replace(b"\r\n", b"")


@settings(max_examples=60, deadline=None)
@given(TEXT, TEXT)
def test_f3_decoded_parts_equal_what_was_rendered(name: str, value: str) -> None:
    """F3: encoded as quoted-printable and decoded by the standard library's parser."""
    ready = READY
    recipient = a_recipient(name, 0, v=value)
    message = ready.render(recipient, now=NOW)
    check_wire(message)
    rendered = ready.preview(recipient)

    def lines(text: str) -> str:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text if text.endswith("\n") else text + "\n"

    for kind, wanted in (("plain", rendered.text), ("html", rendered.html)):
        body = parsed(message).get_body((kind,))
        assert body is not None
        raw = body.get_payload(decode=True)
        assert isinstance(raw, bytes)
        assert raw.decode() == lines(wanted).replace("\n", "\r\n")
    assert parsed(message)["Subject"] == rendered.subject


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_f3_every_encoded_word_is_short_and_decodes_alone(text: str) -> None:
    text = mime.clean(text, 400)
    header = mime.unstructured("Subject", text).decode("ascii")
    lines = header.removesuffix("\r\n").split("\r\n")
    assert all(len(line) <= 76 for line in lines)
    words = re.findall(r"=\?utf-8\?b\?[^?]*\?=", header)
    for word in words:
        assert len(word) <= 75
        raw, charset = decode_header(word)[0]
        assert isinstance(raw, bytes)
        raw.decode(charset or "ascii")  # raises an error if a character was split


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_a_display_name_is_read_back_unchanged(name: str) -> None:
    """F4: encoded words are never inside quotes."""
    header = mime.mailbox("To", name, "alice@example.org").decode()
    assert not re.search(r'"[^"]*=\?', header)
    shown, address = parseaddr(header.removeprefix("To: "))
    assert address == "alice@example.org"
    # Use the parser's old interface: the new one keeps the fold between encoded words.
    assert str(make_header(decode_header(shown))) == mime.clean(name, mime.MAX_NAME)


@settings(max_examples=80, deadline=None)
@given(st.text(st.sampled_from(" \t\n\r.=aé🎉\x00\x0b\x0c\x85\u2028"), max_size=400))
def test_quoted_printable_survives_trailing_blanks_and_long_lines(text: str) -> None:
    encoded = quoted_printable.encode_whole(text)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert not re.search(rb"[ \t]\r\n", encoded)
    assert encoded.isascii()
    assert b"\r" not in encoded.replace(b"\r\n", b"")
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    wanted = wanted if wanted.endswith("\n") else wanted + "\n"
    assert quopri.decodestring(encoded).decode().replace("\r\n", "\n") == wanted


def test_f1_a_line_of_100_kilobytes_is_folded() -> None:
    message = send(html=f"<html><body><p>{'é word ' * 15_000}</p></body></html>")
    check_wire(message)
    assert part(message, "html").count("é word") == 15_000


def test_f11_a_non_ascii_local_part_is_unchanged() -> None:
    mail = send(Recipient(7, 5, 1, "jörg@example.org", "Jörg"))
    assert "To: =?utf-8?b?SsO2cmc=?= <jörg@example.org>\r\n".encode() in mail.data
    assert mail.address == "jörg@example.org"


def test_a_list_id_is_never_longer_than_255_octets() -> None:
    domain = ".".join(["a" * 60] * 4) + ".example"
    ident = re.search(rb"<(.*)>", mime.list_id("Näws", 123456789, domain))
    assert ident is not None
    assert len(ident[1]) <= 255


def test_the_subject_template_sees_raw_values() -> None:
    """F8: no HTML escapes in the subject."""
    mail = parsed(send(a_recipient("Tom & <Jerry>")))
    assert mail["Subject"] == "Hello Tom & <Jerry>"


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("{% for tag in subscriber.tags %}[{{ tag }}]{% endfor %}", "[VIP][a &amp; b]"),
        ("{{ subscriber.tags }}.", "VIP, a &amp; b."),
        ("{{ subscriber.tags|join('/') }}", "VIP/a &amp; b"),
        ("{% if 'VIP' in subscriber.tags %}yes{% endif %}", "yes"),
        ("{% set s = subscriber %}{{ s['tags']|length }}", "2"),
        ("{{ subscriber.tags|upper }}", "VIP, A &amp; B"),
        ('<a href="https://x.example/?t={{ subscriber.tags }}">x</a>', "?t=VIP%2C%20a%20%26%20b"),
    ],
)
def test_tags_can_be_looped_over_and_shown(html: str, shown: str) -> None:
    tagged = replace(a_recipient(), tags=("VIP", "a & b"))
    content = compiled(f"<p>{html}</p>")
    assert content.uses_tags
    assert shown in content.preview(tagged).html
    assert content.preview(a_recipient()).html
    assert "own" in compiled("<p>{{ subscriber.tags }}</p>").preview(a_recipient(tags="own")).html
    assert not compiled("<p>{{ subscriber.name }}</p>").uses_tags
