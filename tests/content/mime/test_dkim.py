"""DKIM signatures, checked by independent verifiers."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.cli.benchmarks.dkim import measure
from campaigns.content.mime import dkim as ours
from campaigns.content.mime.attachments import Attachment
from campaigns.content.mime.compile import compile_content
from campaigns.content.mime.dkim import Key, Signing, relaxed_body, sign_message
from tests.content.mime import opendkim
from tests.content.samples import NOW, SIGNER, a_content, a_recipient

DOMAIN = "news.example"
HEAD = [
    b"From: Harbour Books <news@news.example>\r\n",
    b"To: Alice <alice@example.org>\r\n",
    b"Subject: What the tide brought in\r\n",
    b"Date: Sat, 21 Nov 2026 11:46:00 +0000\r\n",
    b"Message-ID: <17@news.example>\r\n",
    b"List-Id: News <1.list.news.example>\r\n",
    b"List-Unsubscribe: <https://news.example/u/abc>\r\n",
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    b"Feedback-ID: a:campaigns:bulk:b\r\nPrecedence: bulk\r\n",
    b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="=_x"\r\n',
]
FOLDED = b"Reply-To:  =?utf-8?b?Sm9lcmc=?= \t\r\n\t <re@news.example> \r\n"
BODY = b"--=_x\r\n\r\nHello  you \r\n\r\n"


@cache
def _keys() -> tuple[dict[str, str], dict[bytes, bytes]]:
    """The private keys as PEM, and their DNS records."""
    rsa, ed25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    der = rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = ed25519.public_key().public_bytes_raw()
    pems = {
        name: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        for name, key in (("rsa", rsa), ("ed25519", ed25519))
    }
    return pems, {
        b"r1._domainkey.news.example.": b"v=DKIM1; k=rsa; p=" + base64.b64encode(der),
        b"e1._domainkey.news.example.": b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw),
    }


@cache
def _signing() -> Signing:
    pems, _ = _keys()
    return Signing(DOMAIN, [Key("r1", "rsa", pems["rsa"]), Key("e1", "ed25519", pems["ed25519"])])


def _verdicts(data: bytes) -> list[bool]:
    """Whether dkimpy accepts each signature, first to last."""
    _, records = _keys()

    def answer(name: bytes, timeout: int = 5) -> bytes:
        return records[name]

    head = data.partition(b"\r\n\r\n")[0]
    count = len(re.findall(rb"^DKIM-Signature:", head, re.MULTILINE))
    judge = dkim.DKIM(data)
    return [judge.verify(idx=index, dnsfunc=answer) for index in range(count)]


def _is_good(data: bytes) -> bool:
    try:
        return _verdicts(data) == [True, True]
    except dkim.DKIMException:
        return False


def _signed(headers: list[bytes] = HEAD, body: bytes = BODY) -> bytes:
    return _signing().sign(headers, body) + b"".join(headers) + b"\r\n" + body


def _tags(data: bytes) -> dict[str, str]:
    """The tags of the first signature, without spaces."""
    field = re.match(rb"DKIM-Signature:((?:.|\r\n[ \t])*)\r\n", data)
    assert field is not None
    text = re.sub(r"\s", "", field[1].decode())
    return dict(tag.split("=", 1) for tag in text.split(";") if tag)


def test_both_signatures_are_valid() -> None:
    assert _verdicts(_signed()) == [True, True]


def test_u3_required_headers_are_signed_and_oversigned() -> None:
    listed = _tags(_signed())["h"].split(":")
    for name in ("Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id", "Feedback-ID"):
        assert listed.count(name) == 1, name
    for name in ("From", "To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post"):
        assert listed.count(name) == 2, name
    assert "Precedence" not in listed
    assert "Reply-To" not in listed, "the header is absent"
    assert _tags(_signed([b"Reply-To: a@news.example\r\n", *HEAD]))["h"].count("Reply-To") == 1


def test_g3_the_tags_meet_receivers_requirements() -> None:
    tags = _tags(_signed())
    assert (tags["v"], tags["a"], tags["c"]) == ("1", "rsa-sha256", "relaxed/relaxed")
    assert (tags["d"], tags["s"]) == (DOMAIN, "r1")
    assert tags["t"] == "1795261560", "the time of the Date header"
    assert {"l", "x", "i"}.isdisjoint(tags)


def test_lines_are_short_even_for_a_long_domain() -> None:
    pems, _ = _keys()
    domain = ".".join(["a" * 20] * 3)
    signing = Signing(domain, [Key("s" * 40, "rsa", pems["rsa"])])
    lines = signing.sign(HEAD, BODY).split(b"\r\n")
    assert lines.pop() == b""
    assert len(lines) > 5
    assert max(map(len, lines)) <= 78
    assert all(line.startswith(b" ") for line in lines[1:])


@pytest.mark.parametrize(
    "forged",
    [
        b"From: Somebody <else@other.example>\r\n",
        b"Subject: Another\r\n",
        b"To: bob@example.org\r\n",
        b"List-Unsubscribe: <https://evil.example/>\r\n",
        b"List-Unsubscribe-Post: List-Unsubscribe=Two\r\n",
    ],
)
def test_a_header_added_later_breaks_the_signature(forged: bytes) -> None:
    head, body = b"".join(HEAD), BODY
    seal = _signing().sign(HEAD, body)
    assert _is_good(seal + head + b"\r\n" + body)
    assert not _is_good(seal + forged + head + b"\r\n" + body)
    assert not _is_good(seal + head + forged + b"\r\n" + body)


def test_without_unsubscribe_fields_nobody_can_add_them() -> None:
    plain = HEAD[:5]
    seal = _signing().sign(plain, BODY)
    assert _is_good(seal + b"".join(plain) + b"\r\n" + BODY)
    added = b"List-Unsubscribe: <https://evil.example/>\r\n"
    assert not _is_good(seal + b"".join(plain) + added + b"\r\n" + BODY)


def test_a_changed_body_or_subject_breaks_the_signature() -> None:
    good = _signed()
    assert not _is_good(good.replace(b"Hello", b"Hullo"))
    assert not _is_good(good.replace(b"the tide", b"the tode"))
    assert not _is_good(good + b"one more line\r\n"), "no l= tag: the whole body is signed"


def test_one_signer_serves_many_messages() -> None:
    """Order, number and values of headers change, and nothing is reused between messages."""
    for number in range(5):
        other = [line.replace(b"17@", b"%d@" % number) for line in HEAD]
        assert _is_good(_signed(other))
        assert _is_good(_signed(other[::-1]))
        assert _is_good(_signed([b"".join(other)]))
        assert _is_good(_signed([b"Reply-To: x%d@news.example\r\n" % number, *other[:4]]))


def test_threads_may_share_a_signer() -> None:
    def one(number: int) -> bytes:
        return _signed([line.replace(b"17@", b"%d@" % number) for line in HEAD[number % 3 :]])

    with ThreadPoolExecutor(max_workers=4) as threads:
        together = list(threads.map(one, range(200)))
    assert together == [one(number) for number in range(200)], "both algorithms are deterministic"


def test_repeated_headers_are_signed_from_the_last() -> None:
    assert _is_good(_signed([*HEAD, b"Cc: a@example.org\r\n", b"cc:  b@example.org\r\n"]))


def test_without_a_date_there_is_no_timestamp() -> None:
    for date in ([], [b"Date: some day\r\n"], [b"Date: Thu, 1 Jan 1900 00:00:00 +0000\r\n"]):
        headers = [*HEAD[:3], *date]
        assert "t" not in _tags(_signed(headers))
        assert _is_good(_signed(headers))


def test_signers_with_equal_keys_are_equal() -> None:
    pems, _ = _keys()
    first, again = (Signing(DOMAIN, [Key("r1", "rsa", pems["rsa"])]) for _ in range(2))
    assert first == again
    assert hash(first) == hash(again)
    assert first != Signing("other.example", [Key("r1", "rsa", pems["rsa"])])
    assert first != Signing(DOMAIN, [Key("r2", "rsa", pems["rsa"])])
    assert first != Signing(DOMAIN, [Key("r1", "ed25519", pems["ed25519"])])
    assert first != DOMAIN


def test_a_whole_message_of_the_standard_library() -> None:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = "Jörg Müller <news@news.example>", "alice@example.org"
    mail["Subject"] = "Grüße " * 30
    mail.set_content("Hällo\n\n  wie geht es? \n\n")
    mail.add_alternative("<p>Hällo</p>\n", subtype="html")
    assert _verdicts(sign_message(mail.as_bytes(), _signing())) == [True, True]


def test_a_message_without_a_body() -> None:
    for data in (b"".join(HEAD), b"".join(HEAD) + b"\r\n"):
        assert _is_good(sign_message(data, _signing()))


@pytest.mark.parametrize(
    ("body", "relaxed"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b"\r\n\r\n\r\n", b""),
        (b" \t \r\n\t\r\n", b""),
        (b" ", b""),
        (b"a", b"a\r\n"),
        (b"a\r\n", b"a\r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # the example of RFC 6376, 3.4.5
        (b"\r\na\r\n \r\n", b"\r\na\r\n"),
        (b"a\r\r\n\r\n", b"a\r\r\n"),
        (b"a\x0b \x0c\r\n", b"a\x0b \x0c\r\n"),
    ],
)
def test_bodies_in_relaxed_form(body: bytes, relaxed: bytes) -> None:
    assert relaxed_body(body) == relaxed
    assert relaxed_body(relaxed) == relaxed


def test_a_body_of_empty_lines_is_canonicalized_quickly() -> None:
    assert relaxed_body(b"x" + b" \t\r\n" * 200_000) == b"x\r\n"


BLANKS = st.text(" \t", max_size=4)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
BODIES = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n", b"\r\n\r\n", b"a", b"word", b"=20", "ü".encode(), b"."]),
    max_size=40,
).map(b"".join)
FOLDS = st.sampled_from(["", " ", "\t", "\r\n ", " \r\n\t ", "  "])
VALUES = st.lists(st.tuples(FOLDS, WORDS), min_size=1, max_size=5).map(
    lambda parts: "".join(fold + word for fold, word in parts)
)


def _relaxed_by_dkimpy(body: bytes) -> bytes:
    """The relaxed form according to dkimpy."""
    form: bytes = dkim.canonicalization.Relaxed.canonicalize_body(body)
    return form


@settings(deadline=None)
@given(BODIES)
@example(b" \r\n\r\n")
def test_any_relaxed_body_agrees_with_dkimpy(body: bytes) -> None:
    ended = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    expected = _relaxed_by_dkimpy(ended)
    assert relaxed_body(body) == (b"" if expected == b"\r\n" else expected)


@settings(deadline=None)
@given(st.sampled_from(["Subject", "subject ", "To", "Reply-To", "List-Id", "X-Other"]), VALUES)
def test_any_relaxed_header_agrees_with_dkimpy(name: str, value: str) -> None:
    field = f"{name}:{value}\r\n".encode()
    name_bytes, _, rest = field.partition(b":")
    expected = dkim.canonicalization.Relaxed.canonicalize_headers([(name_bytes, rest)])
    assert ours.relaxed_field(field) == b":".join(expected[0])


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ours.SIGNED), VALUES), max_size=6), BODIES, BLANKS)
def test_any_message_verifies(fields: list[tuple[str, str]], body: bytes, blanks: str) -> None:
    lines = [f"{name}: {value or '-'}{blanks}\r\n" for name, value in fields]
    # A blank line inside a header field is obsolete syntax, on which parsers differ.
    text = re.sub(r"\r\n[ \t]+(?=\r\n)", "", "".join(lines))
    headers = [b"From: a@news.example\r\n", text.encode()]
    data = b"".join(headers) + b"\r\n" + body
    signed = sign_message(data, _signing())
    assert _is_good(signed if signed.endswith(b"\r\n") else signed + b"\r\n"), "as on the wire"


@pytest.mark.skipif(not opendkim.is_installed(), reason="OpenDKIM is not installed")
@pytest.mark.parametrize("body", [b"", BODY, b" a \t b \r\n\r\n\r\n", b"\r\nx\r\n \r\n"])
def test_opendkim_agrees(tmp_path: Path, body: bytes) -> None:
    pems, records = _keys()
    found = {name.decode().rstrip("."): text.decode() for name, text in records.items()}
    signing = Signing(DOMAIN, [Key("r1", "rsa", pems["rsa"])])
    good = sign_message(b"".join([*HEAD, FOLDED]) + b"\r\n" + body, signing)
    assert opendkim.is_good(good, found, tmp_path)
    assert not opendkim.is_good(good + b"more\r\n", found, tmp_path)
    assert not opendkim.is_good(good.replace(b"the tide", b"the tode"), found, tmp_path)
    forged = good.replace(b"\r\nList-Id: ", b"\r\nSubject: Another\r\nList-Id: ")
    assert not opendkim.is_good(forged, found, tmp_path)


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("url", ["https://news.example", "http://news.example"])
def test_u3_the_messages_of_a_campaign_are_signed(count: int, url: str) -> None:
    files = (Attachment("a.txt", "text/plain", b"Hello\r\n"),) * count
    content = a_content(sender_address="n@news.example", base_url=url, attachments=files)
    compiled = compile_content(content, SIGNER, _signing())
    for number in range(1, 4):
        message = compiled.render(a_recipient(f"Jörg {number}", number), now=NOW)
        assert message.data.startswith(b"DKIM-Signature:")
        assert _verdicts(message.data) == [True, True]
        listed = _tags(message.data)["h"].split(":")
        assert listed.count("List-Unsubscribe") == 2
        assert listed.count("List-Unsubscribe-Post") == (2 if url.startswith("https") else 1)


def test_the_cost_is_measured() -> None:
    figures = measure(messages=20)
    assert figures["body_bytes"] > 13_000
    assert 0 < figures["ed25519_us"] < figures["rsa_us"]
