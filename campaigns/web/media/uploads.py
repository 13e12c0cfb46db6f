"""Upload images: a request for each file, with a result for each."""

from typing import Any

from flask import request
from flask_login import current_user
from werkzeug.datastructures import FileStorage

from campaigns.access import access
from campaigns.clock import utcnow
from campaigns.content.library import images, media
from campaigns.content.library.image_errors import ImageRefusedError, too_large
from campaigns.content.library.media import UploadedImage
from campaigns.content.library.models import Media
from campaigns.content.library.storage import StorageError, storage_of
from campaigns.context import services
from campaigns.db import db, new_public_id, transaction
from campaigns.web.media.blueprint import bp, max_file_bytes
from campaigns.web.media.shown import shown
from campaigns.web.saving import or_404
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence
from campaigns.web_limits import limiter

Json = tuple[dict[str, Any], int]


@bp.post("/media/upload")
@access("user")
@limiter.limit("600/minute")
def upload() -> Json:
    """Add the image in the field `file`. Answers with the medium, or with what was wrong."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return {"message": _("Choose a file first.")}, 422
    try:
        medium, is_new = _added(_read(sent), _described(sent.filename))
    except (ImageRefusedError, StorageError) as error:
        status = 503 if isinstance(error, StorageError) else 422
        return {"message": sentence(error.reason)}, status
    return {"medium": shown(medium), "is_new": is_new}, 201 if is_new else 200


@bp.post("/media/<public_id>/alt")
@access("user")
def set_alt(public_id: str) -> dict[str, Any]:
    """Save the alternative text of an image."""
    medium = or_404(Media, public_id)
    with transaction():
        media.set_alt(
            medium.id,
            request.form.get("alt", ""),
            is_decorative=bool(request.form.get("is_decorative")),
        )
    return {"medium": shown(or_404(Media, public_id))}


def _read(sent: FileStorage) -> bytes:
    data = sent.stream.read(max_file_bytes() + 1)
    if len(data) > max_file_bytes():
        raise too_large(max_file_bytes())
    return data


def _described(name: str) -> UploadedImage:
    form = request.form
    return UploadedImage(
        name=name,
        alt=form.get("alt", ""),
        is_decorative=bool(form.get("is_decorative")),
        folder=form.get("folder", ""),
    )


def _added(data: bytes, uploaded: UploadedImage) -> tuple[Media, bool]:
    """Store an image. Returns whether it is new in the library: the same file is kept once."""
    digest, storage = media.digest_of(data), storage_of(services().settings)
    known = media.find_upload(digest)
    if known is not None:
        _restore(known, data, uploaded)
        return known, False
    prepared, public_id = images.prepare(data), new_public_id()
    media.write(storage, public_id, prepared)
    with transaction():
        medium = media.add(
            public_id,
            prepared,
            uploaded,
            upload_digest=digest,
            user_id=current_user.user.id,
            now=utcnow(),
        )
    is_new = medium.public_id == public_id
    if not is_new:  # the same file came twice at once
        storage.delete(media.paths_for(public_id, prepared))
    return medium, is_new


def _restore(known: Media, data: bytes, uploaded: UploadedImage) -> None:
    """Put an image back into the library, and its files into a storage that lost them."""
    storage = storage_of(services().settings)
    prepared = None
    if storage.get(media.paths_of(known)[0]) is None:
        prepared = images.prepare(data)
        media.write(storage, known.public_id, prepared)
    with transaction():
        media.restore(known.id, uploaded, prepared)
        db.session.refresh(known)
