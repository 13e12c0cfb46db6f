"""Animated GIF and WebP: checked, but kept as they are."""

import struct

from PIL import Image

from campaigns.content.library.image_errors import ImageRefusedError

MAX_FRAMES = 600
MAX_FRAME_PIXELS = 300_000_000
"""Pixels of all frames together: more would take seconds to check."""
_DROPPED = (b"EXIF", b"XMP ")
_HAS_METADATA = 0b0000_1100
"""Bits of a WebP file's flags that announce EXIF and XMP."""


def check_frames(image: Image.Image, most_pixels: int) -> tuple[int, int]:
    """Decode every frame, and return width and height.

    Raises ImageRefusedError if there is too much to check, and Pillow's errors for damaged files.
    """
    done = 0
    for number in range(MAX_FRAMES + 1):
        try:
            image.seek(number)
        except EOFError:
            break
        done += image.width * image.height
        if (
            number == MAX_FRAMES
            or done > MAX_FRAME_PIXELS
            or image.width * image.height > most_pixels
        ):
            raise ImageRefusedError("image.long_animation", frames=MAX_FRAMES)
        image.load()
    return image.width, image.height


def without_metadata(data: bytes) -> bytes:
    """Return a WebP file without EXIF and XMP, which may say where it was taken."""
    kept, at = bytearray(), 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        end = at + 8 + size + size % 2
        chunk = bytearray(data[at:end])
        if name == b"VP8X" and len(chunk) > 8:
            chunk[8] &= ~_HAS_METADATA
        if name not in _DROPPED:
            kept += chunk
        at = end
    return b"RIFF" + struct.pack("<I", len(kept) + 4) + b"WEBP" + bytes(kept)
