"""The emails that a list sends automatically: the confirmation, and the welcome after it.

Each has a default wording in the list's language, and may have a custom one. The welcome is sent
only once it is turned on.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, get_args

import sqlalchemy as sa

from campaigns import wording as sentences
from campaigns.accounts.workspace import load_workspace
from campaigns.audience.models import AudienceList
from campaigns.db import db, upsert
from campaigns.inputs import FormInput, InvalidInputError, one_line, several_lines
from campaigns.reason import Reason
from campaigns.transactional import written
from campaigns.transactional.branded import Dress, EmailWording, dressed
from campaigns.transactional.models import ListEmail
from campaigns.transactional.plain_mail import EmailText, words

ListEmailKind = Literal["confirm", "welcome"]
LIST_EMAIL_KINDS: tuple[ListEmailKind, ...] = get_args(ListEmailKind)

_EVERYWHERE = ("list.name", "sender.name", "sender.identity")
TAGS: Mapping[ListEmailKind, tuple[str, ...]] = {
    "confirm": (*_EVERYWHERE, "confirm_url"),
    "welcome": (*_EVERYWHERE, "subscriber.first_name", "subscriber.name"),
}
"""Merge tags of each email. A confirmation shows nothing that the visitor typed: anyone can type
anyone's address."""
MAX_SUBJECT, MAX_TEXT, MAX_BUTTON = 200, 5_000, 60
"""Longest texts, in characters."""


class ListEmailConflictError(ValueError):
    """Someone else changed this email first; nothing was saved."""


class ListEmailInput(FormInput):
    """An email of a list as typed into the form."""

    subject: str = ""
    text: str = ""
    button: str = ""
    is_on: bool = False


# --- read


def find(list_id: int, kind: ListEmailKind) -> ListEmail | None:
    """Return a list's custom wording, read again even if this session has it already."""
    return db.session.scalar(
        sa.select(ListEmail)
        .where(ListEmail.list_id == list_id, ListEmail.kind == kind)
        .execution_options(populate_existing=True)
    )


def of_list(list_id: int) -> Mapping[str, ListEmail]:
    """Return the custom wordings of a list, by kind."""
    found = db.session.scalars(sa.select(ListEmail).where(ListEmail.list_id == list_id))
    return {one.kind: one for one in found}


def sends_welcome(list_id: int) -> bool:
    """Return whether new subscribers of this list get a welcome email."""
    found = find(list_id, "welcome")
    return found is not None and found.is_on


def wording_of(entry: AudienceList, kind: ListEmailKind, *, days: int) -> EmailWording:
    """Return the list's custom wording, or the default one. `days`: how long the link works."""
    own = find(entry.id, kind)
    if own is None:
        return usual(kind, entry.language, days=days)
    return EmailWording(own.subject, own.text, own.button)


def usual(kind: ListEmailKind, language: str, *, days: int) -> EmailWording:
    """Return the default wording in this language, with merge tags."""
    values = {
        "list_name": "{{ list.name }}",
        "workspace_name": "{{ sender.identity }}" if load_workspace().name else "",
        "link": "{{ confirm_url }}",
        "days": days,
    }
    said = words(kind, values, locale=language)
    button = "list_email.confirm_button" if kind == "confirm" else ""
    label = sentences.Words(language).sentence(button) if button else ""
    return EmailWording(said.subject, said.text.strip(), label)


def seen_of(found: ListEmail | None) -> str:
    """Return what a form remembers of the email that it shows, to detect another's changes."""
    return found.updated_at.isoformat() if found else ""


def shown(
    kind: ListEmailKind,
    own: EmailWording,
    values: Mapping[str, str],
    look: Dress,
    entry: AudienceList,
    unsubscribe_url: str,
) -> EmailText:
    """Return an email of a list as its recipient gets it, a welcome with an unsubscribe link."""
    if kind == "welcome":
        why = sentences.Words(entry.language).sentence("footer.why", {"list": entry.name})
        footer = replace(look.footer, why=why, unsubscribe_url=unsubscribe_url)
        look = replace(look, footer=footer)
    return dressed(own, values, look)


# --- change


def save(
    list_id: int, kind: ListEmailKind, typed: ListEmailInput, *, seen: str, now: datetime
) -> None:
    """Save a wording. Raises InvalidInputError, or ListEmailConflictError if it was changed."""
    values = {**_checked(kind, typed), "is_on": typed.is_on or kind == "confirm", "updated_at": now}
    if seen_of(find(list_id, kind)) != seen:
        raise ListEmailConflictError(f"{kind} of list {list_id} was changed since {seen}")
    written_row = upsert(ListEmail).values(list_id=list_id, kind=kind, **values)
    db.session.execute(
        written_row.on_conflict_do_update(index_elements=["list_id", "kind"], set_=values)
    )


def reset(list_id: int, kind: ListEmailKind) -> None:
    """Use the default wording again. A welcome is turned off with it."""
    db.session.execute(
        sa.delete(ListEmail).where(ListEmail.list_id == list_id, ListEmail.kind == kind)
    )


def checked_wording(kind: ListEmailKind, typed: ListEmailInput) -> EmailWording:
    """Return the wording. Raises InvalidInputError."""
    return EmailWording(**_checked(kind, typed))


def _checked(kind: ListEmailKind, typed: ListEmailInput) -> dict[str, str]:
    values = {
        "subject": one_line(typed.subject),
        "text": several_lines(typed.text),
        "button": one_line(typed.button),
    }
    limits = {"subject": MAX_SUBJECT, "text": MAX_TEXT, "button": MAX_BUTTON}
    problems: dict[str, Reason | str] = {}
    for name, text in values.items():
        tags = TAGS[kind] if name == "text" else _EVERYWHERE
        if name == "button":
            tags = ()
        reason = _problem(text, limits[name], tags, may_be_empty=name == "button")
        if reason is not None:
            problems[name] = reason
    if kind == "confirm":
        if "text" not in problems and not written.has_tag(values["text"], "confirm_url"):
            problems["text"] = Reason("list_email.without_link")
        if not values["button"]:
            problems["button"] = Reason("list_email.without_button")
    if problems:
        raise InvalidInputError(problems)
    return values


def _problem(text: str, most: int, tags: tuple[str, ...], *, may_be_empty: bool) -> Reason | None:
    if not text.strip():
        return None if may_be_empty else Reason("list_email.empty")
    if len(text) > most:
        return Reason("list_email.too_long", {"most": most})
    unknown = written.unknown_tag(text, tags)
    if unknown:
        return Reason("list_email.unknown_tag", {"tag": unknown})
    return None
