"""Read an email of unknown origin: bounded, in one pass, without recursion and without exceptions.

The standard library's parser recurses for each level of nesting and keeps everything in memory, so
a hostile email could stop it. Emails attached to the email stay unread: they were written to other
people.
"""

import binascii
import codecs
import encodings
import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.header import decode_header
from encodings.aliases import aliases
from html import unescape
from pkgutil import iter_modules

MAX_BYTES = 1_000_000
"""Number of bytes of an email that are read. Reports come before the email that they return."""
MAX_DEPTH = 30
MAX_PARTS = 200
MAX_FIELDS = 1_000
MAX_VALUE = 8_000
"""Number of characters of one header field that are kept."""


@dataclass(frozen=True, slots=True)
class EmailPart:
    """A part that contains no others: text, a report, an attached email."""

    kind: str
    """The content type in lower case, such as "text/plain"."""
    headers: Mapping[str, list[str]]
    body: bytes

    @property
    def text(self) -> str:
        """The body, decoded."""
        return _decoded(self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Email:
    """An email: its own headers and its parts in order."""

    headers: Mapping[str, list[str]]
    kind: str
    parts: list[EmailPart] = field(default_factory=list)
    is_inner: bool = False
    """Whether it was in another email."""

    def first(self, name: str) -> str:
        """Return a header, its encoded words decoded; "" if it is missing."""
        return words(first(self.headers, name))


def first(headers: Mapping[str, list[str]], name: str) -> str:
    """Return the first value of a header; "" if it is missing."""
    return headers.get(name, [""])[0]


def read(raw: bytes) -> Email:
    """Read an email. Whatever it contains, the result is an email."""
    source = with_plain_line_ends(raw[:MAX_BYTES]).lstrip(b"\xef\xbb\xbf\n\x00 \t")
    if source.startswith(b"From "):  # the separator line of mbox files
        source = source.partition(b"\n")[2]
    headers, body = _split(source, 0, len(source))
    kind = _kind(headers)
    return Email(headers, kind, list(_leaves(headers, kind, source[body:])))


def with_plain_line_ends(raw: bytes) -> bytes:
    r"""Return the text with \n as the end of every line, and without NUL."""
    text = raw.replace(b"\x00", b"").replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
    return text.replace(b"\r", b"\n")


def headers_of(text: str) -> dict[str, list[str]]:
    """Return the headers at the beginning of a text, by name in lower case.

    Stops at the first line that belongs to no header.
    """
    found: dict[str, list[str]] = {}
    name = ""
    for number, line in enumerate(text.split("\n", MAX_FIELDS)[:MAX_FIELDS]):
        is_unfolded = name and found[name][-1].endswith(";") and not _FIELD.match(line[:200])
        if line.strip() and (line[0] in " \t" or is_unfolded):
            if name and len(found[name][-1]) < MAX_VALUE:
                found[name][-1] += " " + line[:MAX_VALUE].strip()
            continue
        match = _FIELD.match(line[:MAX_VALUE])
        if match is None:
            if number == 0 and line.startswith((">From ", "From ")):
                continue
            break
        name = match[1].lower()
        found.setdefault(name, []).append(match[2].strip())
    return found


_FIELD = re.compile(r"([!-9;-~]{1,100})[ \t]{0,5}:(.*)")


def words(value: str) -> str:
    """Return a header value with its encoded words decoded."""
    value = value[:MAX_VALUE]
    # After the end of the last encoded word, the library would search for another repeatedly.
    head, end, tail = value.rpartition("?=")
    if "=?" not in head:
        return value
    try:
        decoded = "".join(
            part if isinstance(part, str) else _in_charset(part, charset or "ascii")
            for part, charset in decode_header(" ".join(f"{head}{end}".splitlines()))
        )
        return decoded + tail
    except (MessageError, ValueError, LookupError):
        return value


# --- parts ---------------------------------------------------------------------------------------

_BOUNDARY_LINE = re.compile(rb"^--(?=\S)([^\n]{1,300})$", re.MULTILINE)
_BOUNDARY = re.compile(
    r"\bboundary\s{0,9}=\s{0,9}(?:\"([^\"]{1,250})\"|'?([^\s;\"]{1,250}))", re.IGNORECASE
)
_CHARSET = re.compile(r"\bcharset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE)


def _split(source: bytes, start: int, end: int) -> tuple[dict[str, list[str]], int]:
    """Return the headers that begin here, and where the body begins."""
    if source.startswith(b"\n", start):
        return {}, start + 1
    blank = source.find(b"\n\n", start, end)
    stop, body = (end, end) if blank < 0 else (blank, blank + 2)
    text = source[start:stop].decode("utf-8", "replace")
    return headers_of(text), body


def _kind(headers: Mapping[str, list[str]]) -> str:
    value = first(headers, "content-type").lower().lstrip()
    match = re.match(r"[\w.+-]{1,60}/[\w.+-]{1,80}", value)
    return match[0] if match else "text/plain"


def _leaves(headers: Mapping[str, list[str]], kind: str, body: bytes) -> Iterator[EmailPart]:
    boundary = _boundary(headers, kind)
    if not boundary or b"--" + boundary not in body:
        # Without parts, it can only be read as text.
        yield EmailPart("text/plain" if kind.startswith("multipart/") else kind, headers, body)
        return
    open_ones = [boundary]
    levels = {boundary: 0}
    opened: tuple[int, Mapping[str, list[str]], str] | None = None
    count = 0
    for line in _BOUNDARY_LINE.finditer(body):
        level, is_last = _level(line[1].rstrip(), levels)
        if level < 0:
            continue
        if opened and opened[0] <= line.start():
            yield EmailPart(opened[2], opened[1], body[opened[0] : line.start()])
        opened = None
        count += 1
        del open_ones[level if is_last else level + 1 :]
        if count > MAX_PARTS or not open_ones:
            return
        levels = {one: level for level, one in enumerate(open_ones)}
        if is_last:
            continue
        start = min(line.end() + 1, len(body))
        inner_headers, begin = _split(body, start, _next_boundary(body, start, open_ones))
        if not inner_headers and not body.startswith(b"\n", start):
            begin = start  # a part whose headers are missing
        inner_kind = _kind(inner_headers)
        inner = _boundary(inner_headers, inner_kind)
        if inner and len(open_ones) < MAX_DEPTH:
            open_ones.append(inner)
            levels = {one: level for level, one in enumerate(open_ones)}
        else:
            opened = (begin, inner_headers, inner_kind)
    if opened:
        yield EmailPart(opened[2], opened[1], body[opened[0] :])


def _level(line: bytes, levels: dict[bytes, int]) -> tuple[int, bool]:
    """Return which open boundary a line is, or -1, and whether it is its last."""
    if line in levels:
        return levels[line], False
    return levels.get(line.removesuffix(b"--"), -1), True


def _next_boundary(body: bytes, start: int, open_ones: list[bytes]) -> int:
    """Return where the headers of a part end at the latest."""
    found = body.find(b"\n--" + open_ones[-1], start, start + 100_000)
    return found if found >= 0 else min(len(body), start + 100_000)


def _boundary(headers: Mapping[str, list[str]], kind: str) -> bytes:
    if not kind.startswith("multipart/"):
        return b""
    match = _BOUNDARY.search(first(headers, "content-type"))
    if match is None:
        return b""
    return (match[1] or match[2] or "").rstrip().encode("utf-8", "replace")


# --- text ----------------------------------------------------------------------------------------


def _decoded(headers: Mapping[str, list[str]], body: bytes) -> str:
    encoding = first(headers, "content-transfer-encoding").strip().lower()
    if encoding.startswith("base64"):
        body = with_plain_line_ends(_from_base64(body))
    elif encoding.startswith("quoted-printable"):
        body = with_plain_line_ends(quopri.decodestring(body))
    match = _CHARSET.search(first(headers, "content-type"))
    return _in_charset(body, match[1] if match else "utf-8")


def _from_base64(body: bytes) -> bytes:
    """Return what can be decoded: some servers add text in plain after the encoded part."""
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", body.split(b"=", 1)[0])
    try:
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return binascii.a2b_base64(clean[: len(clean) // 4 * 4])


_NO_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs"}
_JAPANESE = ("iso2022_jp", "euc_jp", "cp932")


def _in_charset(body: bytes, declared: str) -> str:
    """Decode by the declared charset, or if that is wrong, by the most likely other one."""
    name = _known_charset(declared)
    if b"\x1b$" in body:
        name = "iso2022_jp"
    candidates = [name, "utf-8", *(_JAPANESE if name in _JAPANESE else ())]
    for candidate in candidates:
        try:
            return body.decode(candidate)
        except (UnicodeError, ValueError):
            continue
    return body.decode("iso2022_jp" if name == "iso2022_jp" else "cp1252", "replace")


_CHARSETS = {*aliases, *aliases.values(), *(one.name for one in iter_modules(encodings.__path__))}


def _known_charset(declared: str) -> str:
    """Return the charset of a name, in one of its known spellings.

    Python would keep any other name or spelling in its cache for ever.
    """
    known = encodings.normalize_encoding(declared.strip("\"'").lower()).replace(".", "_")
    try:
        found = codecs.lookup(known) if known in _CHARSETS else None
    except LookupError:  # a charset of another system
        found = None
    if found is None or not getattr(found, "_is_text_encoding", True):
        return "utf-8"
    name = found.name.replace("-", "_")
    return name if name not in _NO_CHARSETS else "utf-8"


_HIDDEN = ("style", "script", "head")
_BREAK = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?table|hr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[!/a-z?][^<>]*>", re.IGNORECASE)


def text_of_html(html: str) -> str:
    """Return the words of an HTML notice, one line per paragraph."""
    for name in _HIDDEN:
        html = _without(html, name)
    text = _TAG.sub("", _BREAK.sub("\n", html.replace("\n", " ")))
    return re.sub(r"[ \t\xa0]{1,200}", " ", unescape(text))


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _without(html: str, name: str) -> str:
    kept, position, lowered = [], 0, html.translate(_LOWER)
    while (begin := lowered.find(f"<{name}", position)) >= 0:
        end = lowered.find(f"</{name}", begin)
        kept.append(html[position:begin])
        if end < 0:
            return "".join(kept)
        position = end
    return "".join([*kept, html[position:]])
