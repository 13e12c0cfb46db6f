"""Images of the media library as parts of the message."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from campaigns.content.library.storage import DiskStorage, path_of
from campaigns.content.mime import embedded_images
from campaigns.content.mime.compile import (
    Content,
    TemplateProblemError,
    check_content,
    compile_content,
)
from campaigns.content.mime.embedded_images import embed
from campaigns.content.sources.source import MediaFile, SourceContext
from tests.content.samples import NOW, SIGNER, a_content, a_recipient, parsed

LOGO, UNUSED = "aB3dE6gH9kLm", "aB3dE6gH9kLn"
PATHS = {
    LOGO: path_of(LOGO, "0f" * 32, "image/png"),
    UNUSED: path_of(UNUSED, "1e" * 32, "image/jpeg"),
}
HTML = f'<p>Hello {{{{ subscriber.name }}}}</p><img src="media:{LOGO}" alt="Logo">'
BASE_URL = "https://news.example.org"


def media(size: int = 6) -> Mapping[str, MediaFile]:
    return {one: MediaFile(f"{BASE_URL}/{path}", 40, 20, size=size) for one, path in PATHS.items()}


def content(*, embeds: bool = True, size: int = 6) -> Content:
    return a_content(HTML, embeds_images=embeds, context=SourceContext(media=media(size)))


@pytest.fixture
def storage(tmp_path: Path) -> DiskStorage:
    kept = DiskStorage(tmp_path)
    kept.put(PATHS[LOGO], b"pixels")
    return kept


def test_an_embedded_image_is_a_part_that_the_html_shows(storage: DiskStorage) -> None:
    compiled = compile_content(embed(content(), storage), SIGNER)
    mail = parsed(compiled.render(a_recipient(), now=NOW))
    assert mail.defects == []
    related = next(part for part in mail.walk() if part.get_content_type() == "multipart/related")
    page, image = related.iter_parts()
    content_id = image["Content-ID"].strip("<>")
    assert f'src="cid:{content_id}"' in page.get_content()
    assert BASE_URL + "/media" not in page.get_content()
    assert image.get_content() == b"pixels"
    assert image.get_content_type() == "image/png"
    assert image.get_content_disposition() == "inline"


def test_only_images_that_the_page_shows_are_embedded(storage: DiskStorage) -> None:
    embedded = embed(content(), storage)
    assert [file.name for file in embedded.attachments] == [Path(PATHS[LOGO]).name]
    assert embedded.context.media[UNUSED] == media()[UNUSED]


def test_without_the_switch_images_load_from_the_web(storage: DiskStorage) -> None:
    plain = content(embeds=False)
    assert embed(plain, storage) is plain
    mail = parsed(compile_content(plain, SIGNER).render(a_recipient(), now=NOW))
    assert mail.get_content_type() == "multipart/alternative"
    assert f"{BASE_URL}/{PATHS[LOGO]}" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_images_that_are_too_large_together_are_a_problem_with_its_repair(
    storage: DiskStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = content(size=embedded_images.MAX_BYTES + 1)
    (problem,) = check_content(large, ())
    assert problem.blocks
    assert problem.reason.code == "template.images_too_large"
    with pytest.raises(TemplateProblemError):
        compile_content(embed(large, storage), SIGNER)
    assert check_content(replace(large, embeds_images=False), ()) == []


def test_an_image_that_cannot_be_read_stops_the_message(storage: DiskStorage) -> None:
    storage.delete([PATHS[LOGO]])
    with pytest.raises(TemplateProblemError) as caught:
        embed(content(), storage)
    assert caught.value.problems[0].reason.code == "template.images_not_read"


def test_the_page_in_the_browser_loads_its_images(storage: DiskStorage) -> None:
    shown = compile_content(content(), SIGNER).render_web(a_recipient())
    assert f"{BASE_URL}/{PATHS[LOGO]}" in shown
    assert "cid:" not in shown
