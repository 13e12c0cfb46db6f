"""The media library: images are kept once, found again, and resolve in content."""

import dataclasses
from pathlib import Path

import pytest
from flask import Flask

from campaigns.clock import utcnow
from campaigns.content.library import media
from campaigns.content.library.context import context_of
from campaigns.content.library.images import prepare
from campaigns.content.library.media import MediaFilter, UploadedImage
from campaigns.content.library.models import Media
from campaigns.content.library.storage import DiskStorage
from campaigns.db import db, new_public_id, transaction
from tests.content.library.pictures import animated, drawing, encoded, painting


def added(data: bytes, name: str = "photo.jpg", **said: object) -> Media:
    uploaded = dataclasses.replace(UploadedImage(name), **said)  # type: ignore[arg-type]
    with transaction():
        return media.add(
            new_public_id(),
            prepare(data),
            uploaded,
            upload_digest=media.digest_of(data),
            user_id=None,
            now=utcnow(),
        )


def found(wanted: MediaFilter) -> set[str]:
    return {medium.name for medium in db.session.scalars(media.matching(wanted))}


def test_content_shows_the_web_version_under_an_absolute_address(app: Flask) -> None:
    photo = added(encoded(painting(1_300, 300), "JPEG"), alt="A sea of fog")
    source = f'<img src="media:{photo.public_id}"> and media:AAAAAAAAAAAA, not media:short'
    files = context_of(source, None, base_url="https://news.example.org", language="en").media
    assert set(files) == {photo.public_id}
    shown = files[photo.public_id]
    assert shown.url.startswith(f"https://news.example.org/media/{photo.public_id}/")
    assert shown.url.endswith(".jpg")
    assert (shown.width, shown.height, shown.alt) == (1200, 277, "A sea of fog")


def test_an_animation_is_shown_itself_and_not_its_first_frame(app: Flask) -> None:
    moving = added(animated("GIF"), "wave.gif")
    assert media.email_image(moving).digest == moving.digest
    assert media.thumbnail(moving).is_still


def test_the_same_file_is_the_same_medium(app: Flask) -> None:
    data = encoded(drawing(), "PNG")
    first, second = added(data, "logo.png"), added(data, "copy of logo.png")
    assert first.id == second.id
    assert second.name == "logo.png"


def test_a_medium_taken_out_still_resolves_and_comes_back_with_its_file(app: Flask) -> None:
    data = encoded(drawing(), "PNG")
    logo = added(data, "logo.png")
    with transaction():
        media.take_out(logo.id, now=utcnow())
    assert found(MediaFilter()) == set()
    assert media.folders() == {}
    assert media.chosen([logo.public_id]) == []
    assert set(media.files_of([logo.public_id])) == {logo.public_id}
    with transaction():
        media.restore(logo.id, UploadedImage("logo.png", folder="Logos"))
    assert found(MediaFilter(folder="Logos")) == {"logo.png"}


def test_the_files_of_a_medium_can_be_read_and_deleted(app: Flask, tmp_path: Path) -> None:
    data = encoded(painting(700, 350), "PNG")
    prepared, public_id, kept = prepare(data), new_public_id(), DiskStorage(tmp_path)
    media.write(kept, public_id, prepared)
    with transaction():
        medium = media.add(
            public_id,
            prepared,
            UploadedImage("sea.png"),
            upload_digest=media.digest_of(data),
            user_id=None,
            now=utcnow(),
        )
    paths = media.paths_of(medium)
    assert paths == media.paths_for(public_id, prepared)
    assert all(kept.get(path) for path in paths)
    with transaction():
        media.delete(medium.id)
    kept.delete(paths)
    assert not list((tmp_path / "media").iterdir())


def test_the_library_is_searched_by_words_folder_and_missing_alternative_text(app: Flask) -> None:
    added(encoded(drawing(40, 20), "PNG"), "logo_dark.png", folder="Logos", alt="Harbour Coffee")
    added(encoded(drawing(42, 20), "PNG"), "line.png", is_decorative=True, alt="ignored")
    added(encoded(drawing(44, 20), "PNG"), "Été.png")
    assert found(MediaFilter("harbour LOGO")) == {"logo_dark.png"}
    assert found(MediaFilter("o%d")) == set()
    assert found(MediaFilter("_")) == {"logo_dark.png"}
    assert found(MediaFilter(folder="")) == {"line.png", "Été.png"}
    assert found(MediaFilter(lacks_alt=True)) == {"Été.png"}
    assert media.folders() == {"": 2, "Logos": 1}


def test_names_alternative_texts_and_folders_are_cleaned(app: Flask) -> None:
    logo = added(encoded(drawing(40, 20), "PNG"), "C:\\Users\\Ann\\lo\ud800go\n.png")
    assert logo.name == "lo go .png"
    with transaction():
        media.rename(logo.id, " / ")
        media.set_alt(logo.id, "a\n b\0" + "x" * 999, is_decorative=False)
        media.move([logo.public_id], " /Logos/ ")
    db.session.expire_all()
    assert (logo.name, logo.folder) == ("image", "Logos")
    assert logo.alt.startswith("a b xxx")
    assert len(logo.alt) == media.MAX_ALT
    with transaction():
        media.move([logo.public_id], "Old")
        media.set_alt(logo.id, "A", is_decorative=True)
    db.session.expire_all()
    assert (logo.alt, logo.folder, logo.is_decorative) == ("", "Old", True)


@pytest.mark.parametrize("base_url", ["", "https://cdn.example.org/"])
def test_addresses_begin_with_the_given_base(app: Flask, base_url: str) -> None:
    logo = added(encoded(drawing(40, 20), "PNG"))
    url = media.files_of([logo.public_id], base_url=base_url)[logo.public_id].url
    assert url.startswith(f"{base_url.rstrip('/')}/media/{logo.public_id}/")
    assert media.files_of([]) == {}
