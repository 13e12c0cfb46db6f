"""Parse a captured message: text, HTML, attachments. Broken messages never raise."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message as Part
from email.policy import Compat32

from campaigns.mailbox.headers import decode, printable

INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
INLINE_BYTES = 10 * 1024 * 1024
"""Largest total size of the pictures shown in one message."""

_CID = re.compile(r"""(?<=["'(=\s])cid:([^"'()<>\s]{1,300})""", re.IGNORECASE)
_HEAD = re.compile(r"<head(?:\s[^<>]*)?>", re.IGNORECASE)
_HTML = re.compile(r"<html(?:\s[^<>]*)?>", re.IGNORECASE)
_DOCTYPE = re.compile(r"\A\s*+<!doctype[^<>]*>", re.IGNORECASE)
MAX_HEADER_LENGTH = 4000
MAX_PARAMETERS_LENGTH = 1000
"""Largest lengths of a header that is parsed, in characters; the second if it has parameters."""


class _Bounded(Compat32):
    """Truncates headers: the email package takes quadratic time to parse parameters."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        has_parameters = name.lower().startswith("content-")
        return name, value[: MAX_PARAMETERS_LENGTH if has_parameters else MAX_HEADER_LENGTH]


_BOUNDED = _Bounded()
# Separators, and marks that reverse the writing direction and so hide a file's true extension.
_UNSAFE = re.compile(r'[/\\:*?"<>|\u202a-\u202e\u2066-\u2069\u200e\u200f]')


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """An attachment. `name` is a safe file name."""

    name: str
    content_type: str
    content: bytes
    content_id: str


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A parsed message. `html` and `text` are None without such a part."""

    subject: str
    from_header: str
    to_header: str
    reply_to: str
    date: str
    html: str | None
    text: str | None
    attachments: tuple[AttachedFile, ...]


def parse_message(raw: bytes) -> ParsedMessage:
    """Parse a message. Its first HTML part and first plain part are its bodies."""
    message = message_from_bytes(raw, policy=_BOUNDED)
    html: str | None = None
    text: str | None = None
    attachments: list[AttachedFile] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        is_attached = str(part.get("Content-Disposition", "")).lower().startswith("attachment")
        if kind == "text/html" and html is None and not is_attached:
            html = _text(part)
        elif kind == "text/plain" and text is None and not is_attached:
            text = _text(part)
        else:
            attachments.append(_attachment(part, len(attachments) + 1))
    return ParsedMessage(
        subject=_header(message, "Subject"),
        from_header=_header(message, "From"),
        to_header=_header(message, "To"),
        reply_to=_header(message, "Reply-To"),
        date=_header(message, "Date"),
        html=html,
        text=text,
        attachments=tuple(attachments),
    )


def framed_html(letter: ParsedMessage) -> str:
    """Return HTML for the frame: links open a new tab, attached pictures are embedded.

    Pictures become `data:` URLs, since a sandboxed frame sends no cookie to fetch them with.
    """
    html = _CID.sub(_Pictures(letter), letter.html or "")
    for place in (_HEAD, _HTML, _DOCTYPE):
        if found := place.search(html):
            return f'{html[: found.end()]}<base target="_blank">{html[found.end() :]}'
    return f'<base target="_blank">{html}'


class _Pictures:
    """Replaces `cid:...` by the picture, up to INLINE_BYTES."""

    def __init__(self, letter: ParsedMessage) -> None:
        self._found = {
            attachment.content_id: attachment
            for attachment in letter.attachments
            if attachment.content_id and attachment.content_type in INLINE_TYPES
        }
        self._left = INLINE_BYTES

    def __call__(self, match: re.Match[str]) -> str:
        attachment = self._found.get(match[1])
        if attachment is None or len(attachment.content) > self._left:
            return match[0]
        self._left -= len(attachment.content)
        content = base64.b64encode(attachment.content).decode()
        return f"data:{attachment.content_type};base64,{content}"


def _leaves(part: Part) -> Iterator[Part]:
    """Yield the parts with content; a message inside a message counts as one."""
    waiting = [part]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting.extend(reversed(_children(part)))
        else:
            yield part


def _children(part: Part) -> list[Part]:
    payload = part.get_payload()
    if not isinstance(payload, list):
        return []
    return [child for child in payload if isinstance(child, Part)]


def _header(message: Part, name: str) -> str:
    # The raw value: get() replaces octets beyond ASCII by question marks.
    for key, value in message.raw_items():
        if key.lower() == name.lower():
            return decode(_utf8(str(value)))
    return ""


def _utf8(text: str) -> str:
    """Decode octets beyond ASCII, which arrive as surrogates: they are UTF-8 or broken."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _content(part: Part) -> bytes:
    if part.is_multipart():  # a message inside the message: use its source
        return b"\r\n".join(child.as_bytes() for child in _children(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Part) -> str:
    content = _content(part)
    charset = part.get_content_charset("utf-8")
    try:
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("utf-8", "replace")
    return text.encode("utf-8", "replace").decode()


def _attachment(part: Part, number: int) -> AttachedFile:
    name = part.get_filename() or ""
    content_type = part.get_content_type()
    return AttachedFile(
        name=safe_name(decode(_utf8(name)[:1000])) or f"part-{number}{_ending(content_type)}",
        content_type=printable(content_type)[:100],
        content=_content(part),
        content_id=_utf8(str(part.get("Content-ID", ""))).strip(" \t\r\n<>"),
    )


def _ending(content_type: str) -> str:
    endings = {"message/rfc822": ".eml", "text/html": ".html", "text/calendar": ".ics"}
    return endings.get(content_type, ".txt" if content_type.startswith("text/") else ".bin")


def safe_name(name: str) -> str:
    """Return a file name without folders, control or direction marks, and not hidden."""
    last = re.split(r"[/\\]", printable(name))[-1]
    return _UNSAFE.sub("_", last).strip(". ")[-150:]
