"""Uploaded images: what is refused, what is stored, and what emails show."""

import threading
import time
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image, ImageCms, ImageOps

from campaigns.content.library import images
from campaigns.content.library.image_errors import ImageRefusedError
from campaigns.content.library.images import PreparedImage, prepare
from tests.content.library.pictures import (
    animated,
    drawing,
    encoded,
    huge_png,
    opened,
    painting,
)

GPS = {1: "N", 2: (54.0, 23.0, 0.0), 3: "E", 4: (10.0, 8.0, 0.0)}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def widths(prepared: PreparedImage) -> list[int]:
    return [variant.width for variant in prepared.variants]


def refusal(data: bytes) -> str:
    with pytest.raises(ImageRefusedError) as caught:
        prepare(data)
    return caught.value.reason.code


# --- What is refused


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "image.empty"),
        (SVG, "image.svg"),
        (b'<?xml version="1.0"?>\n<!-- a logo -->\n' + SVG, "image.svg"),
        (b"\xef\xbb\xbf \n" + SVG.upper(), "image.svg"),
        (b"<!doctype html><script>alert(1)</script>", "image.other_kind"),
        (b"%PDF-1.7 ...", "image.other_kind"),
        (encoded(drawing(), "BMP"), "image.other_kind"),
        (encoded(drawing(), "TIFF"), "image.other_kind"),
        (encoded(drawing(32, 32), "ICO"), "image.other_kind"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image.heic"),
        (b"name,address\n", "image.no_image"),
        (b"\xff\xd8\xff\xe0 and no more", "image.damaged"),
        (b"GIF89a", "image.damaged"),
        (b"\0\0\0\x1cftypavif", "image.damaged"),
    ],
)
def test_what_is_no_image_is_refused_in_words(data: bytes, code: str) -> None:
    assert refusal(data) == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_truncated_file_is_refused(kind: str) -> None:
    data = encoded(painting(), kind)
    assert refusal(data[: len(data) // 2]) == "image.damaged"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_flipped_bytes_never_end_in_another_error(kind: str) -> None:
    data = bytearray(encoded(painting(64, 32), kind))
    for at in range(4, len(data), max(1, len(data) // 40)):
        broken = bytes(data[:at]) + bytes([data[at] ^ 0xFF]) + bytes(data[at + 1 :])
        with suppress(ImageRefusedError):
            assert prepare(broken).master.width > 0


def test_30000_by_30000_pixels_are_refused_before_any_is_decoded() -> None:
    assert len(huge_png()) < 2_000
    assert refusal(huge_png()) == "image.too_many_pixels"
    assert refusal(huge_png(6_000, 4_001)) == "image.too_many_pixels"


@pytest.mark.parametrize(("width", "height"), [(1, 23_000_000), (20_001, 1)])
def test_few_pixels_on_a_very_long_side_are_refused_at_once(width: int, height: int) -> None:
    started = time.process_time()
    assert refusal(huge_png(width, height)) == "image.side_too_long"
    assert time.process_time() - started < 0.5


def test_a_jpeg_may_have_more_pixels_because_it_is_decoded_small() -> None:
    photo = encoded(Image.new("RGB", (9_000, 5_000), (10, 90, 30)), "JPEG")
    prepared = prepare(photo)
    assert (prepared.master.width, prepared.master.height) == (2400, 1333)
    assert refusal(encoded(Image.new("1", (9_000, 5_000)), "PNG")) == "image.too_many_pixels"


def test_an_animation_of_too_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.content.library.animations.MAX_FRAME_PIXELS", 5_000)
    assert refusal(animated("GIF", frames=3)) == "image.long_animation"


def test_a_gif_whose_frame_is_larger_than_its_screen_is_refused() -> None:
    data = bytearray(animated("GIF", frames=2))
    frame = data.rindex(b"\x2c\0\0\0\0")  # the position of the second frame, then its size
    data[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    assert refusal(bytes(data)) in {"image.too_many_pixels", "image.long_animation"}


# --- What is stored


def test_a_photo_is_turned_upright_and_loses_the_place_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    exif.get_ifd(0x8825).update(GPS)
    photo = painting(800, 400)
    photo.paste((255, 0, 0), (0, 0, 400, 400))  # red on the left: on top once it is upright
    prepared = prepare(encoded(photo, "JPEG", exif=exif, quality=95))
    master = opened(prepared.master.data)
    assert (master.width, master.height) == (400, 800) == (prepared.master.width, 800)
    red, _, blue = master.getpixel((200, 100))  # type: ignore[misc]
    assert red > 230
    assert blue < 30
    for file in (prepared.master, *prepared.variants):
        assert not opened(file.data).getexif()
        assert b"Exif" not in file.data


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(drawing(240, 120), "PNG", exif=exif)
    wanted = ImageOps.exif_transpose(opened(data))
    assert opened(prepare(data).master.data).convert("RGB").tobytes() == wanted.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_what_follows_an_image_in_its_file_is_not_stored(kind: str) -> None:
    prepared = prepare(encoded(painting(), kind) + b"PK\x03\x04 an archive, or a page")
    for one in (prepared.master, *prepared.variants):
        assert b"an archive, or a page" not in one.data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_no_stored_file_has_metadata(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET description"
    data = encoded(painting(), kind, exif=exif)
    assert b"SECRET" in data
    prepared = prepare(data)
    assert all(b"SECRET" not in one.data for one in (prepared.master, *prepared.variants))


def test_a_jpeg_keeps_its_own_quality() -> None:
    data = encoded(painting(), "JPEG", quality=97)
    stored, given = opened(prepare(data).master.data), opened(data)
    assert stored.quantization == given.quantization  # type: ignore[attr-defined]


def test_a_large_image_is_kept_2400_pixels_wide() -> None:
    prepared = prepare(encoded(painting(3_000, 1_000), "JPEG"))
    assert (prepared.master.width, prepared.master.height) == (2400, 800)
    assert widths(prepared) == [1200, 600, 300]


def test_a_small_image_is_never_enlarged() -> None:
    prepared = prepare(encoded(drawing(200, 100), "PNG"))
    assert prepared.master.width == 200
    assert max(widths(prepared), default=0) <= 200


def test_a_large_png_of_a_photo_becomes_a_small_jpeg_for_emails() -> None:
    noisy = painting(1_400, 900)
    noisy = Image.blend(noisy, Image.effect_noise(noisy.size, 60).convert("RGB"), 0.2)
    data = encoded(noisy, "PNG", compress_level=1)
    web = prepare(data).variants[0]
    assert len(data) > 2_000_000
    assert (web.content_type, web.width) == ("image/jpeg", 1200)
    assert len(web.data) < 400_000


def test_a_drawing_stays_a_png() -> None:
    prepared = prepare(encoded(drawing(2_000, 1_000), "PNG"))
    assert {variant.content_type for variant in prepared.variants} == {"image/png"}
    assert len(prepared.variants[0].data) < 40_000


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_what_outlook_cannot_show_becomes_jpeg_or_png(kind: str) -> None:
    photo = prepare(encoded(painting(), kind))
    assert photo.master.content_type == "image/jpeg"
    logo = prepare(encoded(drawing(transparent=True), kind, lossless=kind == "WEBP"))
    assert logo.master.content_type == "image/png"
    assert opened(logo.master.data).convert("RGBA").getpixel((0, 0))[3] < 10  # type: ignore[index]


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_is_left_as_it_is(kind: str) -> None:
    data = animated(kind)
    prepared = prepare(data)
    assert prepared.master.data == data
    assert prepared.master.content_type == f"image/{kind.lower()}"
    assert [variant.is_still for variant in prepared.variants] == [True]


def test_an_animated_webp_loses_its_metadata_but_no_frame() -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET description"
    data = animated("WEBP", exif=exif.tobytes(), xmp=b"<x>SECRET</x>")
    assert b"SECRET" in data
    stored = prepare(data).master.data
    assert b"SECRET" not in stored
    assert opened(stored).n_frames == 3  # type: ignore[attr-defined]


def test_transparency_survives() -> None:
    prepared = prepare(encoded(drawing(1_500, 700, transparent=True), "PNG"))
    for file in (prepared.master, *prepared.variants):
        assert opened(file.data).convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]


def test_transparency_that_is_never_used_is_dropped() -> None:
    photo = painting(1_210, 200).convert("RGBA")
    assert prepare(encoded(photo, "PNG")).variants[0].content_type == "image/jpeg"


def test_a_large_transparent_image_gets_a_palette() -> None:
    photo = painting(1_210, 400)
    photo = Image.blend(photo, Image.effect_noise(photo.size, 40).convert("RGB"), 0.2)
    photo = photo.convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    web = prepare(encoded(photo, "PNG")).variants[0]
    assert opened(web.data).mode == "P"
    assert opened(web.data).convert("RGBA").getpixel((600, 0))[3] < 20  # type: ignore[index]


@pytest.mark.parametrize(
    "image",
    [
        painting(mode="CMYK"),
        painting(mode="L"),
        painting(mode="1"),
        Image.new("I;16", (400, 200), 40_000),
        painting(mode="P"),
        painting(mode="LA"),
    ],
    ids=lambda image: image.mode,
)
def test_every_mode_becomes_one_that_browsers_show(image: Image.Image) -> None:
    data = encoded(image, "JPEG" if image.mode == "CMYK" else "PNG")
    prepared = prepare(data)
    for file in (prepared.master, *prepared.variants):
        assert opened(file.data).mode in {"L", "RGB", "RGBA", "P", "1"}


def test_16_bits_keep_their_brightness() -> None:
    data = encoded(Image.new("I;16", (40, 20), 40_000), "PNG")
    assert opened(prepare(data).master.data).convert("L").getpixel((5, 5)) == 40_000 // 256


def test_colours_of_a_profile_become_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    image = Image.new("RGB", (40, 20), (200, 30, 40))
    for profile in (other.tobytes(), lab.tobytes(), b"no profile"):  # usable or not
        stored = opened(prepare(encoded(image, "PNG", icc_profile=profile)).master.data)
        assert "icc_profile" not in stored.info
        red = stored.convert("RGB").getpixel((5, 5))[0]  # type: ignore[index]
        assert abs(red - 200) < 4


def test_the_same_file_gives_the_same_bytes() -> None:
    data = encoded(painting(), "WEBP")
    assert prepare(data) == prepare(data)


def test_images_are_decoded_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = [0], [0]
    still = images._still

    def counted(data: bytes, image: Image.Image) -> PreparedImage:
        running[0] += 1
        most[0] = max(most[0], running[0])
        try:
            return still(data, image)
        finally:
            running[0] -= 1

    monkeypatch.setattr(images, "_still", counted)
    data = encoded(painting(), "JPEG")
    threads = [threading.Thread(target=prepare, args=(data,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_an_iphone_photo_with_several_pictures_is_its_first() -> None:
    out = BytesIO()
    painting(800, 400).save(out, "MPO", save_all=True, append_images=[painting(80, 40)])
    prepared = prepare(out.getvalue())
    assert (prepared.master.content_type, prepared.master.width) == ("image/jpeg", 800)
