"""The media library: images that content refers to as `media:<public id>`."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.content.library.images import WEB_WIDTH, EncodedImage, PreparedImage
from campaigns.content.library.models import Media
from campaigns.content.library.storage import MediaStorage, path_of
from campaigns.content.sources.source import MediaFile
from campaigns.db import db, insert_ignoring
from campaigns.inputs import one_line
from campaigns.stored import from_stored

MAX_NAME = 120
MAX_ALT = 500
MAX_FOLDER = 80


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One file of a medium. Width and height are in pixels, `size` in bytes."""

    width: int
    height: int
    size: int
    digest: str
    content_type: str
    is_still: bool = False


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """What the person who uploads an image says about it."""

    name: str
    alt: str = ""
    is_decorative: bool = False
    folder: str = ""


# --- The files of a medium


def master_of(medium: Media) -> StoredImage:
    """Return the file with the most pixels."""
    return StoredImage(medium.width, medium.height, medium.size, medium.digest, medium.content_type)


def variants_of(medium: Media) -> list[StoredImage]:
    """Return the other files, the widest first."""
    return [from_stored(StoredImage, variant) for variant in medium.variants]


def email_image(medium: Media) -> StoredImage:
    """Return the file that emails show: an animation itself, else at most 1,200 pixels wide."""
    fits = [one for one in variants_of(medium) if one.width <= WEB_WIDTH and not one.is_still]
    return fits[0] if fits else master_of(medium)


def thumbnail(medium: Media) -> StoredImage:
    """Return the file for lists."""
    return [master_of(medium), *variants_of(medium)][-1]


def path(medium: Media, image: StoredImage) -> str:
    """Return the path of a file in the storage, and in public addresses."""
    return path_of(medium.public_id, image.digest, image.content_type)


def paths_of(medium: Media) -> list[str]:
    """Return the paths of all files."""
    return [path(medium, image) for image in (master_of(medium), *variants_of(medium))]


def files_of(public_ids: Collection[str], *, base_url: str = "") -> dict[str, MediaFile]:
    """Return what content shows for these media, by public id; unknown ones are left out.

    `base_url`: the address in front of their paths; "" for the pages of this installation. Media
    that were taken out of the library still resolve, for the emails that show them.
    """
    if not public_ids:
        return {}
    found = db.session.scalars(sa.select(Media).where(Media.public_id.in_(public_ids)))
    return {medium.public_id: _file(medium, base_url) for medium in found}


def _file(medium: Media, base_url: str) -> MediaFile:
    image = email_image(medium)
    url = f"{base_url.rstrip('/')}/{path(medium, image)}"
    alt = "" if medium.is_decorative else medium.alt
    return MediaFile(url, image.width, image.height, alt, image.size)


# --- Store


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def find_upload(digest: str) -> Media | None:
    """Find the medium that an upload with this digest became, even if it is deleted now."""
    return db.session.scalar(sa.select(Media).where(Media.upload_digest == digest))


def write(storage: MediaStorage, public_id: str, prepared: PreparedImage) -> None:
    """Store the files of a new medium. Raises StorageError or OSError."""
    images = (prepared.master, *prepared.variants)
    for place, image in zip(paths_for(public_id, prepared), images, strict=True):
        storage.put(place, image.data)


def paths_for(public_id: str, prepared: PreparedImage) -> list[str]:
    """Return the paths under which `write` stores an image."""
    return [
        path_of(public_id, digest_of(image.data), image.content_type)
        for image in (prepared.master, *prepared.variants)
    ]


def add(
    public_id: str,
    prepared: PreparedImage,
    uploaded: UploadedImage,
    *,
    upload_digest: str,
    user_id: int | None,
    now: datetime,
) -> Media:
    """Add a medium whose files are stored.

    Returns the existing one if the same file was added meanwhile.
    """
    db.session.execute(
        insert_ignoring(Media).values(
            public_id=public_id,
            name=clean_name(uploaded.name),
            alt="" if uploaded.is_decorative else clean_alt(uploaded.alt),
            is_decorative=uploaded.is_decorative,
            folder=clean_folder(uploaded.folder),
            **_files_of(prepared),
            upload_digest=upload_digest,
            created_by_id=user_id,
            created_at=now,
        )
    )
    return db.session.scalars(sa.select(Media).where(Media.upload_digest == upload_digest)).one()


def restore(medium_id: int, uploaded: UploadedImage, prepared: PreparedImage | None = None) -> None:
    """Put a deleted medium back into the library, as its file was uploaded again.

    `prepared`: files that were stored again, because they were lost.
    """
    is_this = Media.id == medium_id
    db.session.execute(
        sa.update(Media)
        .where(is_this, Media.deleted_at.is_not(None))
        .values(deleted_at=None, folder=clean_folder(uploaded.folder))
    )
    if prepared is not None:
        db.session.execute(sa.update(Media).where(is_this).values(_files_of(prepared)))


def _files_of(prepared: PreparedImage) -> dict[str, Any]:
    master = _stored(prepared.master)
    return {
        "content_type": master.content_type,
        "width": master.width,
        "height": master.height,
        "size": master.size,
        "digest": master.digest,
        "variants": [asdict(_stored(image)) for image in prepared.variants],
    }


def _stored(image: EncodedImage) -> StoredImage:
    return StoredImage(
        image.width,
        image.height,
        len(image.data),
        digest_of(image.data),
        image.content_type,
        image.is_still,
    )


# --- Change


def clean_name(name: str) -> str:
    """Return a file name as it is stored: one line, without the folders of its computer."""
    last = one_line(name.replace("\\", "/")).rpartition("/")[2].strip()
    return last[:MAX_NAME] or "image"


def clean_alt(alt: str) -> str:
    """Return an alternative text as it is stored."""
    return one_line(alt)[:MAX_ALT]


def clean_folder(folder: str) -> str:
    """Return the name of a folder as it is stored; "" for none."""
    return one_line(folder).strip(" /")[:MAX_FOLDER]


def set_alt(medium_id: int, alt: str, *, is_decorative: bool) -> None:
    """Change the alternative text; a decorative image has none."""
    db.session.execute(
        sa.update(Media)
        .where(Media.id == medium_id)
        .values(alt="" if is_decorative else clean_alt(alt), is_decorative=is_decorative)
    )


def rename(medium_id: int, name: str) -> None:
    """Change the name of a medium."""
    db.session.execute(sa.update(Media).where(Media.id == medium_id).values(name=clean_name(name)))


def move(public_ids: Iterable[str], folder: str) -> None:
    """Move media to a folder; "" for none."""
    db.session.execute(
        sa.update(Media)
        .where(Media.public_id.in_(list(public_ids)))
        .values(folder=clean_folder(folder))
    )


def take_out(medium_id: int, *, now: datetime, is_erased: bool = False) -> None:
    """Take a medium out of the library, but keep its files for the emails that show them.

    `is_erased`: its files are deleted, too. An upload of the same file then becomes a new medium.
    """
    values: dict[str, Any] = {"deleted_at": now, **({"upload_digest": None} if is_erased else {})}
    db.session.execute(sa.update(Media).where(Media.id == medium_id).values(values))


def delete(medium_id: int) -> None:
    """Delete a medium. Its files are deleted after the commit, by `paths_of`."""
    db.session.execute(sa.delete(Media).where(Media.id == medium_id))


# --- Find


@dataclass(frozen=True, slots=True)
class MediaFilter:
    """What the library shows. `folder` None: all folders; "": media in no folder."""

    search: str = ""
    folder: str | None = None
    lacks_alt: bool = False


def matching(wanted: MediaFilter) -> sa.Select[Any]:
    """Select what the library shows, without an order."""
    statement = sa.select(Media).where(Media.deleted_at.is_(None))
    for word in wanted.search.split()[:10]:
        statement = statement.where(
            sa.or_(
                *(
                    column.icontains(word, autoescape=True)
                    for column in (Media.name, Media.alt, Media.folder)
                )
            )
        )
    if wanted.folder is not None:
        statement = statement.where(Media.folder == wanted.folder)
    if wanted.lacks_alt:
        statement = statement.where(Media.alt == "", Media.is_decorative.is_(False))
    return statement


def chosen(public_ids: Sequence[str]) -> Sequence[Media]:
    """Return the media of the library with these public ids."""
    return db.session.scalars(
        sa.select(Media)
        .where(Media.public_id.in_(public_ids), Media.deleted_at.is_(None))
        .order_by(Media.id.desc())
    ).all()


def folders() -> Mapping[str, int]:
    """Return the folders in alphabetical order, with how many media each has; "": no folder."""
    rows = db.session.execute(
        sa.select(Media.folder, sa.func.count().label("number"))
        .where(Media.deleted_at.is_(None))
        .group_by(Media.folder)
        .order_by(Media.folder)
    )
    return {row.folder: row.number for row in rows}
