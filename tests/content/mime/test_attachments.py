"""Attachments and images, and what a signer gets, checked with the standard library."""

import re
from collections.abc import Sequence
from email.message import EmailMessage

import pytest

from campaigns.content.mime.attachments import Attachment, part
from campaigns.content.mime.compile import compile_content
from campaigns.messages import Message
from tests.content.samples import NOW, SIGNER, a_content, a_recipient, compiled, parsed

IMAGE = Attachment("logo.png", "image/png", bytes(range(256)) * 3, "logo@example.org")
FILE = Attachment("Preisliste für März 🎉.pdf", "application/pdf", b"%PDF-1.7\n" * 50)
HTML = '<p>Hello {{ subscriber.name }}</p><img src="cid:logo@example.org" alt="Logo">'


def send(*files: Attachment, name: str = "Alice") -> Message:
    return compiled(HTML, attachments=files).render(a_recipient(name), now=NOW)


def tree(mail: EmailMessage) -> list[str]:
    return [entry.get_content_type() for entry in mail.walk()]


@pytest.mark.parametrize(
    ("files", "types"),
    [
        ([], ["multipart/alternative", "text/plain", "text/html"]),
        (
            [IMAGE],
            [
                "multipart/alternative",
                "text/plain",
                "multipart/related",
                "text/html",
                "image/png",
            ],
        ),
        (
            [FILE],
            [
                "multipart/mixed",
                "multipart/alternative",
                "text/plain",
                "text/html",
                "application/pdf",
            ],
        ),
        (
            [FILE, IMAGE, FILE],
            [
                "multipart/mixed",
                "multipart/alternative",
                "text/plain",
                "multipart/related",
                "text/html",
                "image/png",
                "application/pdf",
                "application/pdf",
            ],
        ),
    ],
    ids=["none", "image", "file", "both"],
)
def test_each_kind_has_its_place_in_the_tree(files: list[Attachment], types: list[str]) -> None:
    message = send(*files)
    mail = parsed(message)
    assert tree(mail) == types
    assert all(not entry.defects for entry in mail.walk())
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert "Hello Alice" in html.get_content()
    assert "Hello Alice" in text.get_content()
    found = [entry for entry in mail.walk() if entry.get_filename()]
    assert [entry.get_content() for entry in found] == [
        file.data for file in sorted(files, key=lambda file: not file.content_id)
    ]
    assert not any(entry.preamble or entry.epilogue for entry in mail.walk())
    lines = message.data.split(b"\r\n")
    assert max(map(len, lines[lines.index(b"") :])) <= 76
    assert not [line for line in lines[lines.index(b"") :] if line.startswith(b".")]


def test_an_image_has_a_content_id_and_a_file_is_an_attachment() -> None:
    image, file = [entry for entry in parsed(send(IMAGE, FILE)).walk() if entry.get_filename()]
    assert image["Content-ID"] == "<logo@example.org>"
    assert image.get_content_disposition() == "inline"
    assert file["Content-ID"] is None
    assert file.get_content_disposition() == "attachment"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("list.pdf", "list.pdf"),
        ("Größe \"L\" 'neu'; 100%.pdf", None),
        ("a\\b.pdf", "b.pdf"),
        ('say "hi".pdf', None),
        ("日本語の価格表" * 12 + ".docx", None),
        ("x" * 100 + ".pdf", None),
        ("מחירון.pdf", None),
        ("../../etc/passwd", "passwd"),
        ("a\r\nBcc: x@example.org\r\n.txt", "a Bcc: x@example.org .txt"),
        ("=?utf-8?q?x?=.txt", None),
        (".bashrc", None),
        ("..", "file"),
        ("", "file"),
    ],
)
def test_f6_names_are_read_back_and_have_an_ascii_fallback(name: str, read: str | None) -> None:
    mail = parsed(send(Attachment(name, "text/csv", b"a,b\n")))
    (file,) = [entry for entry in mail.walk() if entry.get_content_disposition() == "attachment"]
    assert file.get_filename() == (read or name)
    assert file.keys() == ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition"]
    assert not any(header.defects for header in file.values())
    fallback = file["Content-Type"].params["name"]
    assert fallback.isascii()
    assert 0 < len(fallback) <= 61
    raw = part(Attachment(name, "text/csv", b""))
    assert max(map(len, raw.split(b"\r\n"))) <= 76
    assert b"=?" not in re.sub(rb'filename="[^\r]*"', b"", raw), "F4: no encoded words here"


@pytest.mark.parametrize(
    "kind", ["", "pdf", "text/plain\r\nX: y", "multipart/mixed", "message/rfc822", 'a/b"c', "é/x"]
)
def test_an_invalid_type_becomes_application_octet_stream(kind: str) -> None:
    mail = parsed(send(Attachment("a.bin", kind, b"\0\r\n.\n")))
    assert tree(mail)[-1] == "application/octet-stream"
    *_, file = mail.walk()
    assert file.get_content() == b"\0\r\n.\n"


def test_a_content_id_adds_no_header() -> None:
    mail = parsed(send(Attachment("a.png", "image/png", b"x", "a>\r\nBcc: <b@example.org")))
    *_, image = mail.walk()
    assert image["Content-ID"] == "<aBccb@example.org>"
    assert "Bcc" not in image


class _Recorder:
    """A signer that records what it gets."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[bytes], bytes]] = []

    def sign(self, headers: Sequence[bytes], body: bytes) -> bytes:
        self.seen.append((list(headers), body))
        return b"DKIM-Signature: v=1; b=\r\n"


@pytest.mark.parametrize("files", [(), (FILE, IMAGE)], ids=["plain", "files"])
def test_a_signer_gets_separate_headers_and_the_body_as_sent(
    files: tuple[Attachment, ...],
) -> None:
    signer = _Recorder()
    ready = compile_content(
        a_content(HTML, reply_to="r@example.org", attachments=files), SIGNER, signer
    )
    for number, name in ((1, "Zoë " * 30), (2, "Bob")):
        data = ready.render(a_recipient(name, number), now=NOW).data
        headers, body = signer.seen[-1]
        head, _, rest = data.partition(b"\r\n\r\n")
        assert rest == body
        assert head + b"\r\n" == b"DKIM-Signature: v=1; b=\r\n" + b"".join(headers)
        for header in headers:
            assert re.fullmatch(rb"[A-Za-z-]+: [^\r\n]*\r\n(?:[ \t][^\r\n]+\r\n)*", header)
    (first, _), (second, _) = signer.seen
    names = [line.partition(b":")[0] for line in second]
    assert names[:3] == [b"From", b"Reply-To", b"To"]
    shared = {name for name, one, two in zip(names, first, second, strict=True) if one is two}
    assert shared >= {b"From", b"Reply-To", b"List-Id", b"Date", b"MIME-Version", b"Content-Type"}
    assert not shared & {b"To", b"Message-ID", b"List-Unsubscribe"}
