"""The confirmation page for deleting anything."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flask import render_template, request

from campaigns.audience.models import Subscriber
from campaigns.db import transaction
from campaigns.web.saving import Answer, done
from campaigns.web.words import gettext as _


@dataclass(frozen=True, slots=True)
class Deletion:
    """The contents of the page. Every text is a whole sentence or a title, translated."""

    title: str
    button: str
    back: str
    """Target of Cancel."""
    above: Sequence[tuple[str, str]]
    """The breadcrumbs: (URL, text)."""
    effects: Sequence[str] = ()
    """What is deleted and what stays."""
    kept_title: str = ""
    kept_because: str = ""
    """Why it cannot be deleted now. The page then has no form."""
    word: str = ""
    """Text that must be typed to confirm, if any."""
    typed: str = ""
    error: str = ""
    options: Sequence[tuple[str, str, str]] = ()
    """Checkboxes: (name, label, hint)."""
    people: Sequence[Subscriber] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """Hidden values of the form."""


def confirm_and_delete(
    ask: Callable[[], Deletion], delete: Callable[[], object], *, message: str, to: str
) -> Answer:
    """Ask first. Once confirmed, delete in one transaction, unless the thing is needed by then."""
    if request.method != "POST":
        return deletion_page(ask())
    with transaction():
        page = ask()
        if page.kept_because:
            return deletion_page(page), 422
        delete()
    return done(message, to)


def deletion_page(page: Deletion) -> str:
    return render_template("web/delete.html", page=page)


def in_use(campaigns: Sequence[str]) -> str:
    """Return why something that these campaigns need cannot be deleted; empty without campaigns."""
    if not campaigns:
        return ""
    return _(
        "Scheduled, recurring or sending campaigns use it: %(names)s. Cancel them or wait until"
        " they have finished.",
        names=quoted(campaigns),
    )


def quoted(names: Sequence[str]) -> str:
    """Return quoted names of campaigns, such as “Spring news”, “Sale”."""
    untitled = _("Untitled campaign")
    return ", ".join(f"“{name or untitled}”" for name in names)
