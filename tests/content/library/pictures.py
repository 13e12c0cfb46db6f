"""Images made for tests."""

import random
import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

Colour = tuple[int, ...]


def painting(width: int = 400, height: int = 200, mode: str = "RGB") -> Image.Image:
    """Something like a photo: shades, and some noise."""
    small = Image.new("RGB", (32, 16))
    noise = random.Random(7)  # noqa: S311
    small.putdata([tuple(noise.randrange(256) for _ in range(3)) for _ in range(32 * 16)])
    return small.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def drawing(width: int = 320, height: int = 160, *, transparent: bool = False) -> Image.Image:
    """A logo: a few colours and sharp edges."""
    ground: Colour = (0, 0, 0, 0) if transparent else (255, 255, 255)
    image = Image.new("RGBA" if transparent else "RGB", (width, height), ground)
    pen = ImageDraw.Draw(image)
    pen.rectangle((width // 8, height // 8, width // 2, height // 2), fill=(20, 80, 160))
    pen.ellipse((width // 2, height // 4, width - 10, height - 10), fill=(200, 40, 60))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def animated(kind: str, frames: int = 3, size: tuple[int, int] = (60, 40), **options: Any) -> bytes:
    images = [Image.new("RGB", size, (50 * number, 10, 200)) for number in range(frames)]
    return encoded(
        images[0], kind, save_all=True, append_images=images[1:], duration=100, **options
    )


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def huge_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """A few bytes that would become gigabytes of pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
