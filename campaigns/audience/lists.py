"""Lists: made, changed, counted, deleted."""

from collections.abc import Mapping, Sequence
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
from campaigns.audience.subscribers import clean_text
from campaigns.db import db

MAX_NAME = 100
MAX_DESCRIPTION = 2_000


class ListError(ValueError):
    """The list cannot be saved or deleted; the message says why. `field` is the one to blame."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Figures:
    """How many subscribers of a list are in each state."""

    subscribed: int = 0
    pending: int = 0
    unsubscribed: int = 0


def create(
    name: str, *, description: str = "", is_public: bool = False, now: datetime
) -> AudienceList:
    """A new list. Raises ListError."""
    name, description = _checked(name, description)
    entry = AudienceList(name=name, description=description, is_public=is_public, created_at=now)
    db.session.add(entry)
    db.session.flush()
    return entry


def change(list_id: int, *, name: str, description: str, is_public: bool) -> None:
    """Raises ListError; also when the list is gone."""
    name, description = _checked(name, description, list_id=list_id)
    changed = db.session.scalars(
        sa.update(AudienceList)
        .where(AudienceList.id == list_id)
        .values(name=name, description=description, is_public=is_public)
        .returning(AudienceList.id)
    ).all()
    if not changed:
        raise ListError("This list has been deleted meanwhile.")


def set_language(list_id: int, language: str) -> None:
    """Set the language of the list's public pages and confirmation emails."""
    db.session.execute(
        sa.update(AudienceList).where(AudienceList.id == list_id).values(language=language)
    )


def delete(list_id: int) -> None:
    """Delete a list with every place in it. Subscribers stay, as does the proof of consent.

    Raises ListError while a file is being imported into it. Whether a campaign still needs the
    list is for the caller to ask: campaigns stand above.
    """
    running = sa.select(ImportRun.file_name).where(
        ImportRun.list_id == list_id, ImportRun.status.in_(("queued", "running"))
    )
    file_name = db.session.scalar(running.limit(1))
    if file_name is not None:
        raise ListError(
            f"The file “{file_name}” is being imported into this list. Wait until it is done."
        )
    # The places go first, in one statement by index; the cascade would do the same row by row.
    db.session.execute(sa.delete(Subscription).where(Subscription.list_id == list_id))
    db.session.execute(sa.delete(AudienceList).where(AudienceList.id == list_id))


def find(public_id: str) -> AudienceList | None:
    return db.session.scalar(sa.select(AudienceList).where(AudienceList.public_id == public_id))


def choices() -> Sequence[AudienceList]:
    """Every list by name, for a select."""
    return db.session.scalars(sa.select(AudienceList).order_by(AudienceList.name)).all()


def page(*, before: str | None = None, after: str | None = None) -> Page[AudienceList]:
    """Lists by name."""
    return fetch(
        sa.select(AudienceList),
        sa.type_coerce(AudienceList.name, sa.Text),
        name="name",
        descending=False,
        before=before,
        after=after,
    )


def figures(list_ids: Sequence[int]) -> Mapping[int, Figures]:
    """The figures of these lists, from an index alone.

    The ids are written into the statement: a database that is not told which list it is takes a
    small one for as large as all of them are on average, and reads the whole table.
    """
    rows = _figures_of_one(list_ids[0]) if len(list_ids) == 1 else _figures_of_many(list_ids)
    found: dict[int, dict[str, int]] = {list_id: {} for list_id in list_ids}
    for list_id, state, count in db.session.execute(rows):
        found[list_id][state] = count
    return {list_id: Figures(**counts) for list_id, counts in found.items()}


def _figures_of_many(list_ids: Sequence[int]) -> sa.Executable:
    ids: sa.BindParameter[int] = sa.bindparam("ids", list_ids, expanding=True, literal_execute=True)
    return (
        sa.select(Subscription.list_id, Subscription.state, sa.func.count())
        .where(Subscription.list_id.in_(ids))
        .group_by(Subscription.list_id, Subscription.state)
    )


def _figures_of_one(list_id: int) -> sa.Executable:
    """It may be large: to count a range of each state takes a third of the time."""
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
    name = clean_text(name)
    description = description.strip().replace("\r\n", "\n").replace("\x00", "")
    if not name:
        raise ListError("Give the list a name.", "name")
    if len(name) > MAX_NAME:
        raise ListError(f"The name is too long ({MAX_NAME} characters at most).", "name")
    if len(description) > MAX_DESCRIPTION:
        raise ListError(
            f"The description is too long ({MAX_DESCRIPTION} characters at most).", "description"
        )
    same = sa.select(AudienceList.id).where(
        sa.func.lower(AudienceList.name) == sa.func.lower(name), AudienceList.id != (list_id or 0)
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise ListError("There is a list with this name already.", "name")
    return name, description
