"""Images of the media library as parts of the message, shown as `cid:<content id>`.

Only for messages: previews and the page in the browser load them as usual.
"""

import html
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from campaigns.content.library.storage import MediaStorage, StorageError, type_of
from campaigns.content.mime.attachments import Attachment
from campaigns.content.mime.compiled import Content
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import CompiledPage, MediaFile
from campaigns.content.templating.problems import Problem, TemplateProblemError, found

MAX_BYTES = 1_000_000
"""Size of the embedded images of a message. Each recipient gets them, a third larger as base64."""


def check(content: Content, page: CompiledPage) -> list[Problem]:
    """Return the problem of images that are too large to embed, if any."""
    if not content.embeds_images:
        return []
    size = sum(file.size for file in _shown(content, page).values())
    if size <= MAX_BYTES:
        return []
    return [found("html", 0, "template.images_too_large", size_bytes=size, most_bytes=MAX_BYTES)]


def embed(content: Content, storage: MediaStorage) -> Content:
    """Return the content with its images as attachments, if it embeds them.

    Raises TemplateProblemError if one cannot be read.
    """
    if not content.embeds_images:
        return content
    page = compile_source(content.source, content.context)
    shown = _shown(content, page)
    if check(content, page) or not shown:
        return content  # compiling it names the problem
    attachments = [_attachment(public_id, file, storage) for public_id, file in shown.items()]
    media = dict(content.context.media)
    for (public_id, file), attached in zip(shown.items(), attachments, strict=True):
        media[public_id] = replace(file, url=f"cid:{attached.content_id}")
    return replace(
        content,
        context=replace(content.context, media=media),
        attachments=(*content.attachments, *attachments),
    )


def _shown(content: Content, page: CompiledPage) -> Mapping[str, MediaFile]:
    """Return the media that the page shows; the source may name more, such as a logo."""
    return {
        public_id: file
        for public_id, file in content.context.media.items()
        if any(url in page.html for url in _spellings(file.url))
    }


def _spellings(url: str) -> Iterator[str]:
    yield url
    yield html.escape(url)


def _attachment(public_id: str, file: MediaFile, storage: MediaStorage) -> Attachment:
    name = PurePosixPath(urlsplit(file.url).path).name
    path = f"media/{public_id}/{name}"
    try:
        data = storage.get(path)
    except (StorageError, OSError):
        data = None
    if data is None:
        raise TemplateProblemError([found("html", 0, "template.images_not_read")])
    return Attachment(name, type_of(path), data, content_id=f"{name}@{public_id}.media")
