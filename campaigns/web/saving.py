"""What pages that look up, save or delete one thing share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa
from flask import abort, flash, redirect
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


@contextmanager
def saving() -> Iterator[dict[str, str]]:
    """Save in one transaction. Afterwards the dict says what is wrong with each field, if anything.

    `with saving() as problems: ...`, then `if problems:` show the form again. An InvalidInputError
    rolls back, and ends here.
    """
    problems: dict[str, str] = {}
    try:
        with transaction():
            yield problems
    except InvalidInputError as error:
        problems.update(in_words(error.problems))


def done(message: str, to: str) -> Response:
    """Confirm in two to four words, and go to this address."""
    flash(message, "success")
    return redirect(to)
