"""Why an upload cannot be kept as an image."""

import re

from campaigns.reason import ReasonError

_PROBED = 4096
_SVG = re.compile(rb"<(?:svg|!DOCTYPE svg|[a-z]+:svg)\b", re.IGNORECASE)
_HTML = re.compile(rb"^\s*<(?:!doctype html|html|head|body|script)\b", re.IGNORECASE)
_HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_OTHERS = {
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"\0\0\1\0": "ICO",
    b"PK\3\4": "ZIP",
    b"wOFF": "WOFF",
}


class ImageRefusedError(ReasonError):
    """The file cannot be kept as an image."""


def refusal_of(data: bytes) -> ImageRefusedError:
    """Return why these bytes could not be decoded: another kind of file, or a damaged image."""
    start = data[:_PROBED]
    if not data:
        return ImageRefusedError("image.empty")
    if _SVG.search(start):
        return ImageRefusedError("image.svg")
    if start[4:12] in _HEIC:
        return ImageRefusedError("image.heic")
    if start.startswith(_IMAGES) or _is_webp(start) or start[4:8] == b"ftyp":
        return ImageRefusedError("image.damaged")
    if _HTML.search(start):
        return ImageRefusedError("image.other_kind", kind="HTML")
    for mark, kind in _OTHERS.items():
        if start.startswith(mark):
            return ImageRefusedError("image.other_kind", kind=kind)
    return ImageRefusedError("image.no_image")


def too_large(most_bytes: int) -> ImageRefusedError:
    """Return the error for a file above this limit."""
    return ImageRefusedError("image.too_large", most_bytes=most_bytes)


def _is_webp(start: bytes) -> bool:
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"
