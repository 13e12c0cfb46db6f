"""Messages as bytes: headers, encoded words, the parts of the body.

Our own implementation, because it runs for every recipient; the tests check it with the standard
library's parser. All header values are cleaned here, after rendering.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence

from campaigns.content.mime.quoted_printable import encode_whole

CRLF = b"\r\n"
_QUOTED_PRINTABLE = b"Content-Transfer-Encoding: quoted-printable\r\n"
MAX_SUBJECT = 400
MAX_NAME = 120
_WORD = 75
_LINE = 76
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ADDRESS_UNWANTED = re.compile(r'[\x00-\x20\x7f-\xa0\u2028\u2029<>(),;:\\"\[\]]+')
_SHORT = _LINE - 5
_PLAIN_NAME = re.compile(r"[A-Za-z0-9'_-]+(?: [A-Za-z0-9'_-]+){0,5}")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9@.'_+-]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


def clean(text: str, limit: int) -> str:
    """Return header text on one line, without control characters and not too long."""
    if text.isprintable() and len(text) <= limit and "  " not in text and text.isascii():
        return text.strip(" ")  # the usual case
    text = _UNWANTED.sub(" ", text) if not text.isprintable() else text
    return " ".join(text[: limit * 4].split())[:limit].rstrip()


def clean_address(address: str) -> str:
    """Return an address that is safe in <>: nothing in it ends the brackets or the line."""
    return _ADDRESS_UNWANTED.sub("", address)


def encoded_words(text: str, first: int) -> str:
    """Return text as RFC 2047 encoded words, folded.

    Each word has at most 75 characters and decodes alone; the first is shorter by the `first`
    characters before it on its line.
    """
    return "\r\n ".join(_words(text, first))


def _words(text: str, first: int) -> Iterator[str]:
    raw = text.encode("utf-8", "replace")
    # =?utf-8?b?...?= takes 12 characters; three bytes make four characters.
    room = max(3, (min(_WORD, _LINE - first) - 12) // 4 * 3)
    position = 0
    while position < len(raw):
        end = min(position + room, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1  # never inside a character
        yield f"=?utf-8?b?{base64.b64encode(raw[position:end]).decode('ascii')}?="
        position = end
        room = (_WORD - 12) // 4 * 3


def unstructured(name: str, text: str) -> bytes:
    """Return `Name: text` with a line ending, for cleaned text."""
    start = len(name) + 2
    if not text.isascii() or "=?" in text:
        return f"{name}: {encoded_words(text, start)}\r\n".encode("ascii")
    if start + len(text) <= _LINE:
        return f"{name}: {text}\r\n".encode("ascii")
    lines: list[str] = []
    line = f"{name}:"
    for word in text.split(" "):
        if len(word) > _LINE - 2:
            return f"{name}: {encoded_words(text, start)}\r\n".encode("ascii")
        if len(line) + 1 + len(word) > _LINE and line:
            lines.append(line)
            line = ""
        line += " " + word
    return ("\r\n".join([*lines, line]) + "\r\n").encode("ascii")


def phrase(text: str, first: int) -> str:
    """Return a display name: plain, quoted, or as encoded words."""
    if not text.isascii() or "=?" in text or first + len(text) > _LINE - 4:
        return encoded_words(text, first)
    if _ATOMS.fullmatch(text):
        return text
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def mailbox(name: str, display: str, address: str) -> bytes:
    """Return `Name: Display <address>` with a line ending, for one mailbox."""
    if (
        len(name) + len(display) + len(address) < _SHORT
        and _PLAIN_NAME.fullmatch(display)
        and _PLAIN_ADDRESS.fullmatch(address)
    ):
        return f"{name}: {display} <{address}>\r\n".encode("ascii")  # the usual case
    display, address = clean(display, MAX_NAME), clean_address(address)
    if not display:
        return f"{name}: {address}\r\n".encode("utf-8", "replace")
    shown = phrase(display, len(name) + 2)
    used = len(f"{name}: {shown}".rpartition("\n")[2])
    fold = "\r\n " if used + len(address) + 3 > _LINE else " "
    return f"{name}: {shown}{fold}<{address}>\r\n".encode("utf-8", "replace")


def list_id(list_name: str, number: int, domain: str) -> bytes:
    """Return the List-Id header (RFC 2919): at most 255 octets in the brackets."""
    ident = f"{number}.list.{domain}"
    if len(ident) > 255:
        ident = f"{number}.list.{hashlib.sha256(domain.encode()).hexdigest()[:32]}.invalid"
    display = clean(list_name, MAX_NAME)
    if not display:
        return f"List-Id: <{ident}>\r\n".encode("ascii", "replace")
    shown = phrase(display, len("List-Id: "))
    return f"List-Id: {shown}\r\n <{ident}>\r\n".encode("ascii", "replace")


class Multipart:
    """The constant bytes around text and HTML, including all encoded files.

    Two parts alone are multipart/alternative. Embedded images join the HTML in multipart/related;
    other files are added in multipart/mixed. Every boundary begins with `=_`, which cannot occur in
    a quoted-printable or base64 line.
    """

    def __init__(
        self, seed: str, images: Sequence[bytes] = (), files: Sequence[bytes] = ()
    ) -> None:
        part = b'; charset="utf-8"\r\n' + _QUOTED_PRINTABLE + CRLF
        before_text = b"Content-Type: text/plain" + part
        before_html, after = b"Content-Type: text/html" + part, b""
        if images:
            related = _Boundary("related", seed)
            before_html = (
                related.header(b';\r\n type="text/html"') + CRLF + related.first + before_html
            )
            after = b"".join([related.next + image for image in images]) + related.end
        alternative = _Boundary("alternative", seed)
        before_text = alternative.first + before_text
        before_html = alternative.next + before_html
        after += alternative.end
        header = alternative.header()
        if files:
            mixed = _Boundary("mixed", seed)
            before_text = mixed.first + header + CRLF + before_text
            after += b"".join([mixed.next + file for file in files]) + mixed.end
            header = mixed.header()
        self.header = header
        self.before_text, self.before_html, self.after = before_text, before_html, after

    def body(self, text: str, html: str) -> tuple[bytes, ...]:
        """Return the whole body from unencoded parts."""
        return (
            self.before_text,
            encode_whole(text),
            self.before_html,
            encode_whole(html),
            self.after,
        )

    def around(self, text: bytes, html: bytes) -> bytes:
        """Return the whole body from the encoded parts."""
        return b"".join((self.before_text, text, self.before_html, html, self.after))


class PlainBody:
    """The constant bytes around a text without HTML; files are added in multipart/mixed."""

    def __init__(self, seed: str, files: Sequence[bytes] = ()) -> None:
        header = b'Content-Type: text/plain; charset="utf-8"\r\n' + _QUOTED_PRINTABLE
        before, after = b"", b""
        if files:
            mixed = _Boundary("mixed", seed)
            before = mixed.first + header + CRLF
            after = b"".join([mixed.next + file for file in files]) + mixed.end
            header = mixed.header()
        self.header = header
        self._before, self._after = before, after

    def around(self, text: bytes, html: bytes) -> bytes:
        """Return the whole body from the encoded text. There is no HTML."""
        return b"".join((self._before, text, self._after))


class _Boundary:
    def __init__(self, kind: str, seed: str) -> None:
        self._kind = kind.encode()
        self._mark = b"=_" + hashlib.sha256(f"{kind}:{seed}".encode()).hexdigest()[:24].encode()
        self.first = b"--" + self._mark + CRLF
        self.next = CRLF + self.first
        self.end = b"\r\n--" + self._mark + b"--\r\n"

    def header(self, parameters: bytes = b"") -> bytes:
        return (
            b"Content-Type: multipart/"
            + self._kind
            + parameters
            + b';\r\n boundary="'
            + self._mark
            + b'"\r\n'
        )
