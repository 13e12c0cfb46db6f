"""Attachments, encoded once per campaign."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from campaigns.content.mime.message import clean

MAX_NAME = 120
_LINE, _PIECE = 76, 60
_TYPE = re.compile(
    r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9!#$&^_.+-]{1,60}"
)
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9.@_+-]")
_NOT_IN_FALLBACK = re.compile(r"[^A-Za-z0-9. ()_+-]+")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file. With a `content_id`, it is an image that the HTML shows as `cid:<content_id>`."""

    name: str
    type: str
    data: bytes
    content_id: str = ""


def part(file: Attachment) -> bytes:
    """Return the body part: its headers, an empty line, the data as base64."""
    name = clean(re.split(r"[/\\]", file.name)[-1], MAX_NAME)
    name = name if name.strip(".") else "file"
    kind = file.type.strip().lower()
    # Composite types must not be encoded (RFC 2045, 6.4): attach them as plain bytes.
    kind = kind if _TYPE.fullmatch(kind) else "application/octet-stream"
    content_id = content_id_of(file)
    headers = [
        f"Content-Type: {kind};\r\n {_fallback(name)}",
        "Content-Transfer-Encoding: base64",
        ";\r\n ".join(
            [f"Content-Disposition: {'inline' if content_id else 'attachment'}", *_filename(name)]
        ),
    ]
    if content_id:
        headers.append(f"Content-ID: <{content_id}>")
    return "\r\n".join([*headers, "", ""]).encode("ascii") + _base64(file.data)


def content_id_of(file: Attachment) -> str:
    """Return the Content-ID of a file, without invalid characters."""
    return _NOT_IN_ID.sub("", file.content_id)[:120]


def _fallback(name: str) -> str:
    """Return the name in ASCII, with its extension, for programs that do not support RFC 2231."""
    stem, dot, ending = _NOT_IN_FALLBACK.sub("_", name).rpartition(".")
    stem, ending = (stem, dot + ending[:10]) if stem else (ending, "")
    return f'name="{stem[:50]}{ending}"'


def _filename(name: str) -> Iterator[str]:
    """Yield the parameter `filename`, by RFC 2231 if long, not ASCII or like an encoded word."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    if name.isascii() and len(quoted) <= _PIECE and "=?" not in name:
        yield f'filename="{quoted}"'
        return
    pieces = ["utf-8''"]
    for char in name:
        escaped = quote(char.encode("utf-8", "replace"), safe="")
        if len(pieces[-1]) + len(escaped) > _PIECE:  # never inside a character
            pieces.append("")
        pieces[-1] += escaped
    if len(pieces) == 1:
        yield f"filename*={pieces[0]}"
        return
    for number, piece in enumerate(pieces):
        yield f"filename*{number}*={piece}"


def _base64(data: bytes) -> bytes:
    text = base64.b64encode(data)
    return b"".join([text[at : at + _LINE] + b"\r\n" for at in range(0, len(text), _LINE)])
