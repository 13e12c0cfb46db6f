"""Saved blocks: rows of a block document under a name.

Documents refer to them, so a change reaches every draft and template that shows them. A campaign
keeps the rows that it was launched with.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field, TypeAdapter, ValidationError

from campaigns.content.library.models import SavedBlock
from campaigns.content.sources.blocks.document import BlockSection
from campaigns.db import db
from campaigns.inputs import one_line
from campaigns.reason import ReasonError

MAX_NAME = 100
MAX_ROWS = 50
MAX_BYTES = 256 * 1024
MAX_LISTED = 500
"""Number of saved blocks that the editor offers."""
_MAX_DEPTH = 60
_ROWS = TypeAdapter(Annotated[list[BlockSection], Field(min_length=1, max_length=MAX_ROWS)])


class SavedBlockError(ReasonError):
    """The rows cannot be saved, or were deleted."""


class SavedBlockConflictError(SavedBlockError):
    """Someone else saved a newer version first; nothing was saved."""

    def __init__(self) -> None:
        super().__init__("library.changed_meanwhile")


def find(public_id: str) -> SavedBlock | None:
    """Find a saved block, read again even if this session has it already."""
    return db.session.scalar(
        sa.select(SavedBlock)
        .where(SavedBlock.public_id == public_id)
        .execution_options(populate_existing=True)
    )


def matching(text: str = "") -> sa.Select[SavedBlock]:
    """Select the saved blocks whose name contains the text."""
    found = sa.select(SavedBlock)
    return found.where(SavedBlock.name.icontains(text, autoescape=True)) if text else found


def offered() -> list[Mapping[str, Any]]:
    """Return what the editor offers: public id, name and rows, by name."""
    chosen = sa.select(SavedBlock).order_by(SavedBlock.name, SavedBlock.id).limit(MAX_LISTED)
    return [
        {"id": one.public_id, "name": one.name, "rows": one.rows}
        for one in db.session.scalars(chosen)
    ]


def create(name: str, rows: object, *, now: datetime) -> SavedBlock:
    """Save rows under a name. Raises SavedBlockError."""
    saved = SavedBlock(
        name=_checked_name(name), rows=checked_rows(rows), created_at=now, updated_at=now
    )
    db.session.add(saved)
    db.session.flush()
    return saved


def rename(saved_block_id: int, name: str, *, now: datetime) -> None:
    """Rename a saved block. Raises SavedBlockError."""
    changed = db.session.scalar(
        sa.update(SavedBlock)
        .where(SavedBlock.id == saved_block_id)
        .values(name=_checked_name(name), updated_at=now)
        .returning(SavedBlock.id)
    )
    if changed is None:
        raise SavedBlockError("library.saved_block_gone")


def save(saved_block_id: int, version: int, rows: object, *, now: datetime) -> int:
    """Replace the rows of this version; returns the new one.

    Raises SavedBlockConflictError if someone saved a newer one, SavedBlockError for bad rows.
    """
    new_version: int | None = db.session.scalar(
        sa.update(SavedBlock)
        .where(SavedBlock.id == saved_block_id, SavedBlock.version == version)
        .values(rows=checked_rows(rows), version=version + 1, updated_at=now)
        .returning(SavedBlock.version),
        execution_options={"synchronize_session": False},
    )
    db.session.expire_all()
    if new_version is not None:
        return new_version
    if db.session.get(SavedBlock, saved_block_id) is None:
        raise SavedBlockError("library.saved_block_gone")
    raise SavedBlockConflictError


def delete(saved_block_id: int) -> None:
    """Delete a saved block. The caller reports what refers to it."""
    db.session.execute(sa.delete(SavedBlock).where(SavedBlock.id == saved_block_id))


# --- check


def checked_rows(rows: object) -> list[dict[str, Any]]:
    """Return rows as they are stored: sections only. Raises SavedBlockError."""
    if _is_deeper(rows, _MAX_DEPTH):
        raise SavedBlockError("library.rows_too_deep", field="rows")
    try:
        found = _ROWS.validate_python(rows)
    except ValidationError as error:
        name = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise SavedBlockError("library.bad_rows", field="rows", name=name) from None
    stored: list[dict[str, Any]] = _ROWS.dump_python(found, mode="json")
    text = json.dumps(stored, ensure_ascii=False)
    if "\\u0000" in text or not _is_unicode(text):
        raise SavedBlockError("library.bad_characters", field="rows")
    if len(text.encode()) > MAX_BYTES:
        raise SavedBlockError("library.rows_too_large", field="rows", limit_bytes=MAX_BYTES)
    return stored


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_deeper(value: object, most: int) -> bool:
    """Return whether lists and objects are nested deeper. Without recursion."""
    level: list[object] = [value]
    for _ in range(most):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        if not inner:
            return False
        level = inner
    return True


def _checked_name(name: str) -> str:
    name = one_line(name)
    if not name:
        raise SavedBlockError("library.without_name", field="name")
    if len(name) > MAX_NAME:
        raise SavedBlockError("library.name_too_long", field="name", most=MAX_NAME)
    return name
