"""The page that asks before something is deleted: one for all kinds of things."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flask import render_template, request

from campaigns.audience.models import Subscriber
from campaigns.db import transaction
from campaigns.web.saving import Answer, done
from campaigns.web.words import gettext as _


@dataclass(frozen=True, slots=True)
class Deletion:
    """What the page says. Every text is a whole sentence or a title in the reader's language."""

    title: str
    button: str
    back: str
    """Where Cancel goes."""
    above: Sequence[tuple[str, str]]
    """The breadcrumbs: (address, text)."""
    effects: Sequence[str] = ()
    """What is lost and what stays."""
    kept_title: str = ""
    kept_because: str = ""
    """Why it cannot be deleted now. The page then has no form."""
    word: str = ""
    """What must be typed to confirm, if anything."""
    typed: str = ""
    error: str = ""
    options: Sequence[tuple[str, str, str]] = ()
    """Boxes to tick: (name, label, hint)."""
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
    """Return why a thing that these campaigns need cannot be deleted; empty if there are none."""
    if not campaigns:
        return ""
    return _(
        "Scheduled, recurring or sending campaigns use it: %(names)s. Cancel them or wait until"
        " they have finished.",
        names=quoted(campaigns),
    )


def quoted(names: Sequence[str]) -> str:
    """Names of campaigns, such as “Spring news”, “Sale”."""
    return ", ".join(f"“{name or _('Untitled campaign')}”" for name in names)
