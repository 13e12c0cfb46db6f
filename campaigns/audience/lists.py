"""Lists: create, change, count, archive and delete them.

An archived list keeps its subscribers and their history, and its unsubscribe links work. It has no
public form, and nothing new goes to it: no campaign, import or subscriber.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.models import (
    SUBSCRIPTION_STATES,
    AudienceList,
    ImportRun,
    Subscription,
)
from campaigns.audience.paging import Page, fetch
from campaigns.db import db
from campaigns.inputs import one_line
from campaigns.reason import ReasonError

MAX_NAME = 100
MAX_DESCRIPTION = 2_000


class ListError(ReasonError):
    """The list cannot be saved or deleted."""


@dataclass(frozen=True, slots=True)
class ListFigures:
    """Number of a list's subscribers in each state."""

    subscribed: int = 0
    pending: int = 0
    unsubscribed: int = 0


def create(
    name: str, *, description: str = "", is_public: bool = False, now: datetime
) -> AudienceList:
    """Create a list. Raises ListError."""
    name, description = _checked(name, description)
    entry = AudienceList(name=name, description=description, is_public=is_public, created_at=now)
    db.session.add(entry)
    db.session.flush()
    return entry


def change(list_id: int, *, name: str, description: str, is_public: bool) -> None:
    """Change a list. Raises ListError, also if it was deleted."""
    name, description = _checked(name, description, list_id=list_id)
    changed = db.session.scalars(
        sa.update(AudienceList)
        .where(AudienceList.id == list_id)
        .values(name=name, description=description, is_public=is_public)
        .returning(AudienceList.id)
    ).all()
    if not changed:
        raise ListError("audience.list_gone")


def set_language(list_id: int, language: str) -> None:
    """Set the language of the list's public pages and confirmation emails."""
    db.session.execute(
        sa.update(AudienceList).where(AudienceList.id == list_id).values(language=language)
    )


def delete(list_id: int) -> None:
    """Delete a list with its subscriptions. Subscribers stay, as does the proof of consent.

    Raises ListError while a file is being imported into it. The caller checks whether a campaign
    still needs the list.
    """
    _refuse_while_importing(list_id)
    # Subscriptions first, in one statement by index: the cascade would delete row by row.
    db.session.execute(sa.delete(Subscription).where(Subscription.list_id == list_id))
    db.session.execute(sa.delete(AudienceList).where(AudienceList.id == list_id))


def archive(list_id: int, *, now: datetime) -> bool:
    """Archive a list; returns whether this call did it.

    Raises ListError while a file is being imported into it. The caller checks whether a campaign
    still needs the list.
    """
    _refuse_while_importing(list_id)
    return _set_archived_at(list_id, now, AudienceList.archived_at.is_(None))


def unarchive(list_id: int) -> bool:
    """Use an archived list again; returns whether this call did it."""
    return _set_archived_at(list_id, None, AudienceList.archived_at.is_not(None))


def _set_archived_at(list_id: int, at: datetime | None, before: sa.ColumnElement[bool]) -> bool:
    changed = db.session.scalars(
        sa.update(AudienceList)
        .where(AudienceList.id == list_id, before)
        .values(archived_at=at)
        .returning(AudienceList.id)
    )
    return bool(changed.all())


def _refuse_while_importing(list_id: int) -> None:
    running = sa.select(ImportRun.file_name).where(
        ImportRun.list_id == list_id, ImportRun.status.in_(("queued", "running"))
    )
    file_name = db.session.scalar(running.limit(1))
    if file_name is not None:
        raise ListError("audience.list_import_running", file_name=file_name)


def find(public_id: str) -> AudienceList | None:
    """Return the list with this public id."""
    return db.session.scalar(sa.select(AudienceList).where(AudienceList.public_id == public_id))


def find_active(public_id: str) -> AudienceList | None:
    """Return the list with this public id, unless it is archived."""
    found = find(public_id)
    return None if found is None or found.archived_at else found


def choices(also: Collection[int] = ()) -> Sequence[AudienceList]:
    """Return every list that is not archived, by name, for a select.

    `also`: ids of lists that are already chosen, and offered even if they are archived.
    """
    is_offered = sa.or_(AudienceList.archived_at.is_(None), AudienceList.id.in_(sorted(also)))
    return db.session.scalars(
        sa.select(AudienceList).where(is_offered).order_by(AudienceList.name)
    ).all()


def has_archived() -> bool:
    """Return whether any list is archived."""
    archived = sa.select(AudienceList.id).where(AudienceList.archived_at.is_not(None))
    return db.session.scalar(archived.limit(1)) is not None


def archived_names(list_ids: Collection[int]) -> Sequence[str]:
    """Return the names of the archived ones among these lists."""
    return db.session.scalars(
        sa.select(AudienceList.name)
        .where(AudienceList.id.in_(sorted(list_ids)), AudienceList.archived_at.is_not(None))
        .order_by(AudienceList.name)
    ).all()


def page(
    *, is_archived: bool = False, before: str | None = None, after: str | None = None
) -> Page[AudienceList]:
    """Return one page of lists, by name: the archived ones, or the others."""
    at = AudienceList.archived_at
    return fetch(
        sa.select(AudienceList).where(at.is_not(None) if is_archived else at.is_(None)),
        sa.type_coerce(AudienceList.name, sa.Text),
        name="name",
        descending=False,
        before=before,
        after=after,
    )


def figures(list_ids: Sequence[int]) -> Mapping[int, ListFigures]:
    """Return the figures of these lists, from an index alone.

    The ids are literals in the statement: with parameters the planner assumes lists of average
    size and reads the whole table.
    """
    rows = _figures_of_one(list_ids[0]) if len(list_ids) == 1 else _figures_of_many(list_ids)
    found: dict[int, dict[str, int]] = {list_id: {} for list_id in list_ids}
    for list_id, state, count in db.session.execute(rows):
        found[list_id][state] = count
    return {list_id: ListFigures(**counts) for list_id, counts in found.items()}


def _figures_of_many(list_ids: Sequence[int]) -> sa.Executable:
    ids: sa.BindParameter[int] = sa.bindparam("ids", list_ids, expanding=True, literal_execute=True)
    return (
        sa.select(Subscription.list_id, Subscription.state, sa.func.count())
        .where(Subscription.list_id.in_(ids))
        .group_by(Subscription.list_id, Subscription.state)
    )


def _figures_of_one(list_id: int) -> sa.Executable:
    """Count a range for each state: for a large list this takes a third of the time."""
    one: sa.BindParameter[int] = sa.bindparam("one", list_id, literal_execute=True)
    return sa.union_all(
        *[
            sa.select(
                sa.literal(list_id), sa.literal(state, literal_execute=True), sa.func.count()
            ).where(
                Subscription.list_id == one,
                Subscription.state == sa.literal_column(f"'{state}'"),
            )
            for state in SUBSCRIPTION_STATES
        ]
    )


def _checked(name: str, description: str, list_id: int | None = None) -> tuple[str, str]:
    name = one_line(name)
    description = description.strip().replace("\r\n", "\n").replace("\x00", "")
    if not name:
        raise ListError("audience.list_without_name", field="name")
    if len(name) > MAX_NAME:
        raise ListError("audience.list_name_too_long", field="name", most=MAX_NAME)
    if len(description) > MAX_DESCRIPTION:
        most = MAX_DESCRIPTION
        raise ListError("audience.list_description_too_long", field="description", most=most)
    same = sa.select(AudienceList.id).where(
        sa.func.lower(AudienceList.name) == sa.func.lower(name), AudienceList.id != (list_id or 0)
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise ListError("audience.list_name_taken", field="name")
    return name, description
