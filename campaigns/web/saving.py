"""What pages that look up, save or delete one thing share."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import abort, flash, redirect, request
from werkzeug.wrappers import Response

from campaigns.db import Base, db, transaction
from campaigns.inputs import InvalidInputError
from campaigns.web.words import in_words

Answer = str | Response | tuple[str, int]
"""What a view answers with."""

Row = TypeVar("Row", bound=Base)


def or_none(model: type[Row], public_id: str, **also: object) -> Row | None:
    """Return the current row with this id. `also` names more columns."""
    return db.session.scalar(
        sa.select(model)
        .filter_by(public_id=public_id, **also)
        .execution_options(populate_existing=True)
    )


def or_404(model: type[Row], public_id: str, **also: object) -> Row:
    """Return the current row with this id, or abort with 404. `also` names more columns."""
    found = or_none(model, public_id, **also)
    return abort(404) if found is None else found


# --- Saving in two windows at once


CONFLICT = "seen"
"""What `saving` calls the problem that someone else saved first."""


class SavedMeanwhileError(Exception):
    """Someone else saved since the form was opened; nothing was saved."""


def seen_of(values: Any) -> str:
    """Return what a form remembers of the values that it shows, which JSON can contain."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


def seen_again(values: Any, problems: Mapping[str, str] | None = None) -> str:
    """Return `seen` for a form that is shown again with an error: what it showed first.

    After a conflict it is what is stored now, so that saving again replaces that.
    """
    if problems and CONFLICT in problems:
        return seen_of(values)
    return request.form.get("seen") or seen_of(values)


def seen_in(values: Any, problems: Mapping[str, str], *, is_typed: bool) -> str:
    """Return `seen` for one of the forms of a page; `is_typed`: the one that was not saved."""
    return seen_again(values, problems) if is_typed else seen_of(values)


def check_seen(values: Any) -> None:
    """Raise SavedMeanwhileError if the posted form showed other values than the stored ones.

    Call it in the transaction that saves.
    """
    seen = seen_of(values)
    if request.form.get("seen", seen) != seen:
        raise SavedMeanwhileError


def locked_or_404(model: type[Row], public_id: str, values_of: Callable[[Row], Any]) -> Row:
    """Return the row that the posted form changes, locked. Call it in the transaction.

    `values_of` returns what a form shows of it. Raises SavedMeanwhileError if that has changed.
    """
    found = db.session.scalar(
        sa.select(model)
        .filter_by(public_id=public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        abort(404)
    check_seen(values_of(found))
    return found


@contextmanager
def saving() -> Iterator[dict[str, str]]:
    """Save in one transaction. Afterwards the dict says what is wrong with each field, if anything.

    `with saving() as problems: ...`, then `if problems:` show the form again (`refused`). An
    InvalidInputError or a SavedMeanwhileError rolls back, and ends here.
    """
    problems: dict[str, str] = {}
    try:
        with transaction():
            yield problems
    except InvalidInputError as error:
        problems.update(in_words(error.problems))
    except SavedMeanwhileError:
        problems[CONFLICT] = ""


def refused(page: str, problems: Mapping[str, str]) -> tuple[str, int]:
    """Answer with the form that could not be saved."""
    return page, 409 if CONFLICT in problems else 422


def done(message: str, to: str) -> Response:
    """Confirm in two to four words, and go to this address."""
    flash(message, "success")
    return redirect(to)
