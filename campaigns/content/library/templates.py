"""Templates: create, save, duplicate, archive and delete them.

Campaigns hold copies, so that whatever happens to a template leaves them as they are.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.content.library import versions
from campaigns.content.library.models import Template
from campaigns.content.library.versions import SavedState, VersionOwner
from campaigns.db import db
from campaigns.inputs import one_line
from campaigns.reason import ReasonError

CONTENT = versions.FIELDS
"""What a template and a campaign have in common, and what is copied between them."""
MAX_NAME = 100
MAX_FOLDER = 60
MAX_FOLDERS = 200
"""Number of folders shown."""


class TemplateError(ReasonError):
    """The template cannot be saved, or was deleted."""


class TemplateConflictError(ValueError):
    """Someone else saved a newer version first, `current`; nothing was saved."""

    def __init__(self, current: Template) -> None:
        super().__init__(f"version {current.version} was saved first")
        self.current = current


# --- find


def find(public_id: str) -> Template | None:
    """Find a template, read again even if this session has it already."""
    return db.session.scalar(
        sa.select(Template)
        .where(Template.public_id == public_id)
        .execution_options(populate_existing=True)
    )


def matching(
    text: str = "", *, folder: str | None = None, is_archived: bool = False
) -> sa.Select[Template]:
    """Select templates whose name or subject contains the text.

    `folder`: only those in it; "" for those in none.
    """
    archived = Template.archived_at.is_not(None)
    found = sa.select(Template).where(archived if is_archived else ~archived)
    if text:
        contains = (
            column.icontains(text, autoescape=True) for column in (Template.name, Template.subject)
        )
        found = found.where(sa.or_(*contains))
    return found if folder is None else found.where(Template.folder == folder)


def folders() -> Sequence[tuple[str, int]]:
    """Return every folder with the number of its templates, by name, archived ones excluded."""
    rows = db.session.execute(
        sa.select(Template.folder, sa.func.count())
        .where(Template.folder != "", Template.archived_at.is_(None))
        .group_by(Template.folder)
        .order_by(Template.folder)
        .limit(MAX_FOLDERS)
    )
    return [(row[0], row[1]) for row in rows]


def has_any(*, is_archived: bool = False) -> bool:
    """Return whether there is a template, or an archived one."""
    return db.session.scalar(sa.select(matching(is_archived=is_archived).exists())) or False


# --- change


def create(
    name: str,
    content: Mapping[str, Any],
    *,
    folder: str = "",
    editor_id: int | None = None,
    now: datetime,
) -> Template:
    """Create a template with this content, a value for each name in CONTENT. Raises TemplateError.

    Missing values are those of an empty email.
    """
    _check_names(content)
    template = Template(
        name=checked_name(name),
        folder=_checked_folder(folder),
        edited_by_id=editor_id,
        created_at=now,
        updated_at=now,
        **content,
    )
    db.session.add(template)
    db.session.flush()
    return template


def save(
    template_id: int,
    version: int,
    changes: Mapping[str, Any],
    *,
    is_separate: bool = False,
    editor_id: int | None,
    now: datetime,
) -> int:
    """Save this content on top of this version; returns the new one.

    `is_separate`: keep it as a separate version.
    Raises TemplateConflictError if someone saved a newer one, TemplateError if it was deleted.
    """
    _check_names(changes)
    before = _state_of(_existing(template_id))
    new_version: int | None = db.session.scalar(
        sa.update(Template)
        .where(Template.id == template_id, Template.version == version)
        .values(**changes, version=version + 1, edited_by_id=editor_id, updated_at=now)
        .returning(Template.version),
        execution_options={"synchronize_session": False},
    )
    db.session.expire_all()
    current = _existing(template_id)
    if new_version is None:
        raise TemplateConflictError(current)
    owner = VersionOwner(template_id=template_id)
    versions.record(owner, before, _state_of(current), is_separate=is_separate)
    return new_version


def _state_of(template: Template) -> SavedState:
    content = versions.content_in(template)
    return SavedState(template.version, content, template.edited_by_id, template.updated_at)


def duplicate(template_id: int, name: str, *, editor_id: int | None, now: datetime) -> Template:
    """Copy a template into the same folder. Raises TemplateError."""
    old = _existing(template_id)
    return create(name[:MAX_NAME], content_of(old), folder=old.folder, editor_id=editor_id, now=now)


def content_of(template: Template) -> dict[str, Any]:
    """Return the content of a template, to be copied."""
    return versions.content_in(template)


def rename(template_id: int, name: str, *, now: datetime) -> None:
    """Rename a template. Raises TemplateError."""
    _change(template_id, name=checked_name(name), updated_at=now)


def move(template_id: int, folder: str, *, now: datetime) -> None:
    """Move a template to a folder, which exists from then on; "" for none. Raises TemplateError."""
    _change(template_id, folder=_checked_folder(folder), updated_at=now)


def archive(template_id: int, *, now: datetime) -> None:
    """Hide a template from the gallery. Raises TemplateError if it was deleted."""
    _change(template_id, archived_at=now)


def unarchive(template_id: int) -> None:
    """Show an archived template again. Raises TemplateError if it was deleted."""
    _change(template_id, archived_at=None)


def delete(template_id: int) -> None:
    """Delete a template and its versions."""
    db.session.execute(sa.delete(Template).where(Template.id == template_id))


def _change(template_id: int, **values: Any) -> None:
    changed = db.session.scalar(
        sa.update(Template)
        .where(Template.id == template_id)
        .values(**values)
        .returning(Template.id)
    )
    if changed is None:
        raise TemplateError("library.template_gone")


def _existing(template_id: int) -> Template:
    found = db.session.get(Template, template_id)
    if found is None:
        raise TemplateError("library.template_gone")
    return found


def _check_names(content: Mapping[str, Any]) -> None:
    unknown = set(content) - set(CONTENT)
    if unknown:
        raise ValueError(f"not fields of a template: {sorted(unknown)}")


# --- check


def checked_name(name: str) -> str:
    """Return a name for a template on one line. Raises TemplateError."""
    name = one_line(name)
    if not name:
        raise TemplateError("library.without_name", field="name")
    if len(name) > MAX_NAME:
        raise TemplateError("library.name_too_long", field="name", most=MAX_NAME)
    return name


def _checked_folder(folder: str) -> str:
    folder = one_line(folder)
    if len(folder) > MAX_FOLDER:
        raise TemplateError("library.folder_too_long", field="folder", most=MAX_FOLDER)
    return folder
