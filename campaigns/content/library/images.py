"""Check an uploaded image by its content, and make the files that emails and pages show. Pure.

Every image except GIF and animations is decoded and encoded again, so no stored file has metadata
such as the place where a photo was taken, or anything that is not an image. The results are JPEG,
PNG and GIF, which every email client shows; an animated WebP stays as it is.
"""

import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms
from PIL.Image import Resampling, Transpose

from campaigns.content.library.animations import check_frames, without_metadata
from campaigns.content.library.image_errors import ImageRefusedError, refusal_of

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
MAX_PIXELS = 24_000_000
MAX_JPEG_PIXELS = 50_000_000
"""JPEG is decoded at a fraction of its size, so it may have more pixels."""
MAX_SIDE = 20_000
"""Longest side in pixels. Images of few pixels but millions of rows take many seconds."""
MASTER_WIDTH = 2400
"""Width that an image is kept in, in pixels: enough to crop it later."""
WIDTHS = (1200, 600, 300)
"""Widths of the variants: twice the width of an email, once, and half of it."""
WEB_WIDTH = WIDTHS[0]
MASTER_QUALITY, QUALITY = 92, 82
LARGE_PNG_BYTES = 200_000
"""Size from which a transparent image gets a palette."""
SMALL_PNG_BYTES = 40_000
"""Size up to which a drawing stays a PNG, even if the JPEG is smaller."""
_ORIENTATION = 0x0112
_TURNED = {5, 6, 7, 8}
"""Orientations that swap width and height."""
_SRGB = ImageCms.createProfile("sRGB")
_TRANSPARENT = {"RGBA", "LA", "PA", "La", "RGBa"}
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError,
    struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for a file that is damaged or incomplete."""

# Pillow itself refuses what has twice as many; it also checks the frames of an animation.
Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS

_one_at_a_time = threading.Lock()
"""Decoding takes up to 400 MB: two large images at once could exhaust the memory."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A file, ready to be stored. Width and height are in pixels."""

    data: bytes
    content_type: str
    width: int
    height: int
    is_still: bool = False
    """Whether it is one frame of an animation, for lists only."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image and its variants, the widest first."""

    master: EncodedImage
    variants: tuple[EncodedImage, ...]


def prepare(data: bytes) -> PreparedImage:
    """Return the files to store for an upload. Raises ImageRefusedError.

    One image at a time in each process.
    """
    with _one_at_a_time:
        with _refusing(data):
            image = Image.open(BytesIO(data), formats=FORMATS)
        with image:
            _check_size(image)
            if image.format in {"GIF", "WEBP"} and getattr(image, "is_animated", False):
                return _animation(data, image)
            return _still(data, image)


@contextmanager
def _refusing(data: bytes) -> Iterator[None]:
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageRefusedError(
            "image.too_many_pixels", pixels=MAX_PIXELS, width=MASTER_WIDTH
        ) from None
    except ImageRefusedError:
        raise
    except _BROKEN:
        raise refusal_of(data) from None


def _check_size(image: Image.Image) -> None:
    """Refuse an image with too many pixels or rows, before any of them is decoded."""
    if max(image.size) > MAX_SIDE:
        raise ImageRefusedError(
            "image.side_too_long", width=image.width, height=image.height, most=MAX_SIDE
        )
    most = MAX_JPEG_PIXELS if image.format in {"JPEG", "MPO"} else MAX_PIXELS
    if image.width * image.height > most:
        raise ImageRefusedError("image.too_many_pixels", pixels=most, width=MASTER_WIDTH)


# --- Images without animation


def _still(data: bytes, image: Image.Image) -> PreparedImage:
    orientation = _decode(data, image)
    has_profile = bool(_profile(image))
    shown_width = image.height if orientation in _TURNED else image.width
    pixels = _upright(
        _narrowed(_plain(image), MASTER_WIDTH, is_turned=orientation in _TURNED), orientation
    )
    is_graphic = image.format in {"PNG", "GIF"}
    if shown_width > MASTER_WIDTH or orientation != 1:
        master = _master(pixels, is_graphic=is_graphic)
    elif image.format == "GIF":
        master = EncodedImage(data, "image/gif", pixels.width, pixels.height)
    elif image.format == "JPEG" and image.mode in {"RGB", "L"} and not has_profile:
        master = _same_jpeg(image)
    else:
        master = _master(pixels, is_graphic=is_graphic)
    return PreparedImage(master, tuple(_variants(master, pixels, is_graphic=is_graphic)))


def _decode(data: bytes, image: Image.Image) -> int:
    """Decode the pixels, of a large JPEG at a fraction of its size. Returns the orientation."""
    with _refusing(data):
        orientation: int = image.getexif().get(_ORIENTATION, 1)
        shown_width = image.height if orientation in _TURNED else image.width
        if shown_width > MASTER_WIDTH:
            part = MASTER_WIDTH / shown_width
            image.draft(None, (int(image.width * part) + 1, int(image.height * part) + 1))
        image.load()
    return orientation if orientation in _UPRIGHT else 1


def _master(pixels: Image.Image, *, is_graphic: bool) -> EncodedImage:
    if is_graphic:
        return _as_png(pixels)
    return _encoded(pixels, MASTER_QUALITY, is_graphic=False)


def _same_jpeg(image: Image.Image) -> EncodedImage:
    """Return the image with its own quality, without metadata."""
    out = BytesIO()
    image.info = {}
    image.save(out, "JPEG", quality="keep", optimize=True, exif=b"", comment=b"")
    return _file(out, "image/jpeg", image)


def _profile(image: Image.Image) -> bytes:
    profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) else b""


def _plain(image: Image.Image) -> Image.Image:
    """Return the pixels as L, RGB or RGBA, in sRGB, without the rest of the file."""
    profile = _profile(image)
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() == (255, 255):  # its transparency is never used
            image = image.convert("RGB")
    elif image.mode not in {"L", "RGB", "CMYK", "LAB"}:
        image = image.convert("L" if image.mode == "1" else "RGB")
    if profile:
        image = _in_srgb(image, profile)
    if image.mode not in {"L", "RGB", "RGBA"}:
        image = image.convert("RGB")
    image.info = {}
    return image


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert the colours; a profile that cannot be read is ignored, as browsers do."""
    wanted = image.mode if image.mode in {"RGB", "RGBA"} else "RGB"
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        read = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, read, _SRGB, outputMode=wanted)
        return converted or image
    return image


def _narrowed(image: Image.Image, width: int, *, is_turned: bool = False) -> Image.Image:
    shown = image.height if is_turned else image.width
    if shown <= width:
        return image
    part = width / shown
    size = max(1, round(image.width * part)), max(1, round(image.height * part))
    return image.resize(size, Resampling.LANCZOS, reducing_gap=3.0)


_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def _variants(
    master: EncodedImage, pixels: Image.Image, *, is_graphic: bool, is_still: bool = False
) -> Iterator[EncodedImage]:
    """Yield a variant of each width that the image exceeds, and one that is compressed better."""
    if pixels.width <= WEB_WIDTH and not is_still and master.content_type != "image/gif":
        same = _encoded(pixels, QUALITY, is_graphic=is_graphic)
        if len(same.data) < 0.9 * len(master.data):
            yield same
    for width in WIDTHS:
        if pixels.width > width:
            pixels = _narrowed(pixels, width)
            yield _encoded(pixels, QUALITY, is_graphic=is_graphic, is_still=is_still)


# --- Encoding


def _encoded(
    image: Image.Image, quality: int, *, is_graphic: bool, is_still: bool = False
) -> EncodedImage:
    """Return the smaller file: PNG for drawings and transparency, JPEG for photos."""
    if image.mode == "RGBA":
        return _as_png(image, LARGE_PNG_BYTES, is_still=is_still)
    if image.getcolors(256) is not None:
        return _as_png(image, is_still=is_still)
    out = BytesIO()
    image.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
    photo = _file(out, "image/jpeg", image, is_still=is_still)
    if not is_graphic:
        return photo
    drawing = _as_png(image, is_still=is_still)
    # Letters in a screenshot stay sharp for a few more bytes.
    is_small = len(drawing.data) <= max(1.3 * len(photo.data), SMALL_PNG_BYTES)
    return drawing if is_small else photo


def _as_png(image: Image.Image, most: int = 0, *, is_still: bool = False) -> EncodedImage:
    """Return a PNG. Above `most` bytes (0: any size) it gets a palette of 256 colours."""
    out = BytesIO()
    exact = image
    if image.mode == "RGB" and image.getcolors(256) is not None:
        exact = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    exact.save(out, "PNG")
    if most and len(out.getvalue()) > most:
        reduced = BytesIO()
        image.quantize(256, Image.Quantize.FASTOCTREE).save(reduced, "PNG")
        out = min(out, reduced, key=lambda file: len(file.getvalue()))
    return _file(out, "image/png", image, is_still=is_still)


def _file(
    out: BytesIO, content_type: str, image: Image.Image, *, is_still: bool = False
) -> EncodedImage:
    return EncodedImage(out.getvalue(), content_type, image.width, image.height, is_still)


# --- Animations


def _animation(data: bytes, image: Image.Image) -> PreparedImage:
    """Keep an animation as it is, and make a still image of its first frame for lists."""
    kind = "image/gif" if image.format == "GIF" else "image/webp"
    with _refusing(data):
        width, height = check_frames(image, MAX_PIXELS)
        image.seek(0)
        image.load()
    first = _plain(image)
    master = EncodedImage(
        without_metadata(data) if kind == "image/webp" else data, kind, width, height
    )
    still = _encoded(_narrowed(first, WIDTHS[-1]), QUALITY, is_graphic=True, is_still=True)
    return PreparedImage(master, (still,))
