"""Messages of every kind of source are well formed, signed, and not taken for spam."""

import base64
import email
import email.policy
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from campaigns.clock import utcnow
from campaigns.content.library import starters
from campaigns.content.mime.compile import compile_content
from campaigns.content.mime.dkim import Key, Signing
from campaigns.content.sources.source import KINDS, ContentSource, SourceContext, SourceKind
from campaigns.paths import resource_root
from tests.content.mime import opendkim
from tests.content.samples import SIGNER, a_content, a_recipient

LETTER = (
    "# Winter roast\n\nHello {{ subscriber.first_name or 'friend' }},\n\nThe winter roast is here:"
    " plum, cocoa and a long sweet finish. It was roasted on Monday and leaves the harbour on"
    " Thursday, so it reaches your kitchen fresh.\n\n- [Order](https://shop.example/winter)\n\n"
    "{% if subscriber.city %}\nSee you in {{ subscriber.city }}.\n{% endif %}\n"
)
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text><h1>Winter roast</h1><p>Hello"
    " {{ subscriber.first_name or 'friend' }}, the winter roast is here: plum, cocoa and a long"
    ' sweet finish.</p></mj-text><mj-button href="https://shop.example/winter">Order</mj-button>'
    "</mj-column></mj-section></mj-body></mjml>"
)
LINES_UP_TO = 998
"""Longest line of a message in octets, without its line break (RFC 5322, 2.1.1)."""
MOST_POINTS = 1.0


def text_of(kind: SourceKind) -> str:
    if kind == "html":
        return (resource_root() / "templates/newsletter/digest.html").read_text("utf-8")
    if kind == "blocks":
        return starters.all()[0].document
    return MJML if kind == "mjml" else LETTER


@cache
def signing() -> tuple[Signing, bytes]:
    """A signing with a new key, and the key's DNS record."""
    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)
    return Signing("example.org", [Key("r1", "rsa", pem)]), record


@cache
def message_of(kind: SourceKind, text: str = "") -> bytes:
    content = a_content(
        source=ContentSource(kind, text or text_of(kind)),
        context=SourceContext(base_url="https://news.example.org"),
        subject="The winter roast is here",
    )
    compiled = compile_content(content, SIGNER, signing()[0])
    return compiled.render(a_recipient(city="Hamburg"), now=utcnow()).data


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_of_any_kind_is_well_formed(kind: SourceKind) -> None:
    data = message_of(kind)
    assert max(map(len, data.split(b"\r\n"))) <= LINES_UP_TO
    message = email.message_from_bytes(data, policy=email.policy.strict)
    parts = [part for part in message.walk() if not part.is_multipart()]
    types = [part.get_content_type() for part in parts]
    assert types == ["text/plain"] if kind == "text" else ["text/plain", "text/html"]
    for part in parts:
        assert part.defects == []
        assert "https://news.example.org/u/" in part.get_content()


@pytest.mark.parametrize("kind", KINDS)
def test_the_signature_of_any_kind_is_valid(kind: SourceKind, tmp_path: Path) -> None:
    _, record = signing()
    data = message_of(kind)
    assert dkim.verify(data, dnsfunc=lambda name, timeout=5: record)
    if opendkim.is_installed():
        records = {"r1._domainkey.example.org": record.decode()}
        assert opendkim.is_good(data, records, tmp_path)


@pytest.mark.skipif(shutil.which("spamassassin") is None, reason="SpamAssassin is not installed")
def test_no_kind_is_taken_for_spam() -> None:
    messages = [message_of(kind) for kind in KINDS]
    messages.append(message_of("html", "<p>Hi {{ subscriber.first_name }}</p>"))
    judged = subprocess.run(
        ["spamassassin", "--local", "--test-mode", "--mbox"],
        input=b"".join(map(_in_mailbox, messages)),
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout.decode("utf-8", "replace")
    points = re.findall(r"\((-?[\d.]+) points, ", judged)
    assert len(points) == len(messages)
    assert max(map(float, points)) < MOST_POINTS, judged


def _in_mailbox(message: bytes) -> bytes:
    """Return a message as an entry of an mbox file, so that one process judges them all."""
    lines = message.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ")
    return b"From news@example.org Thu Nov 26 10:00:00 2026\n" + lines + b"\n"
