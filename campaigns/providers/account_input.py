"""What was typed about a provider account, and whether it may be saved."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from pydantic_core import PydanticCustomError

from campaigns.db import db
from campaigns.inputs import InvalidInputError, one_line
from campaigns.providers.base import UnusableAccountError
from campaigns.providers.kind import Draft, Kind, KindModel, parse, whole_number
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import KINDS, kind_of, settings_of
from campaigns.reason import Reason

MAX_NAME = 100
MOST = {
    "per_second": 100_000,
    "per_minute": 1_000_000,
    "per_hour": 10_000_000,
    "per_day": 100_000_000,
    "connections": 1_000,
    "messages_per_connection": 100_000,
}
"""The limits of an account and the highest value of each. 0 means no limit."""


@dataclass(frozen=True, slots=True)
class AccountInput:
    """An account as typed.

    An empty secret keeps the stored one, as long as the settings that it belongs to do not change.
    """

    kind: str = "smtp"
    name: str = ""
    preset: str = ""
    rewrites_return_path: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    forget: frozenset[str] = frozenset()
    """Names of the stored secrets to delete."""

    @classmethod
    def read(
        cls, form: Mapping[str, Any], *, kind: str = "smtp", forget: Collection[str] = ()
    ) -> "AccountInput":
        """Read a form in which every field has the name that the kind's models give it.

        A checkbox is selected if it is there at all; an empty choice counts as not made.
        """
        models = KINDS[kind]
        settings: dict[str, Any] = {}
        for name, about in models.settings.model_fields.items():
            if about.annotation is bool:
                settings[name] = bool(form.get(name))
            elif name in form and (form[name] or about.annotation is str):
                settings[name] = form[name]
        return cls(
            kind=kind,
            name=form.get("name", ""),
            preset=form.get("preset", ""),
            rewrites_return_path=bool(form.get("rewrites_return_path")),
            limits={name: form.get(name, "") for name in MOST},
            settings=settings,
            credentials={
                name: form[name] for name in models.credentials.model_fields if name in form
            },
            forget=frozenset(forget),
        )

    @classmethod
    def of(cls, account: ProviderAccount) -> "AccountInput":
        """Return what the form of a stored account shows. Secrets are never shown."""
        pasted = kind_of(account).pasted
        return cls(
            kind=account.kind,
            name=account.name,
            preset=account.preset,
            rewrites_return_path=account.rewrites_return_path,
            limits={name: str(getattr(account, name)) for name in MOST},
            settings={
                name: value for name, value in account.settings.items() if name not in pasted
            },
        )

    def fields(self) -> dict[str, Any]:
        """Return all values by the name of their field, secrets left out."""
        return {
            "kind": self.kind,
            "name": self.name,
            "preset": self.preset,
            "rewrites_return_path": self.rewrites_return_path,
            "forget": self.forget,
            **dict.fromkeys(MOST, "0"),
            **self.limits,
            **KINDS[self.kind].settings.model_construct().model_dump(),
            **self.settings,
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """An account that may be saved: its columns, and what its kind made of the rest."""

    kind: Kind[Any, Any, Any]
    columns: Mapping[str, Any]
    draft: Draft[Any, Any]

    def keeps(self, name: str) -> bool:
        """Whether the stored secret of this name stays: it is used, and for the same place."""
        draft = self.draft
        used = self.kind.uses(draft.settings)
        return (
            draft.stored is not None
            and name in used
            and name in draft.stored_credentials
            and name not in draft.forget
            and all(getattr(draft.stored, at) == getattr(draft.settings, at) for at in used[name])
        )

    @property
    def typed_secrets(self) -> dict[str, str]:
        """The secrets typed now that these settings use."""
        used = self.kind.uses(self.draft.settings)
        typed: dict[str, str] = self.draft.credentials.model_dump()
        return {name: text for name, text in typed.items() if text and name in used}


def checked(
    typed: AccountInput, account: ProviderAccount | None, *, is_named: bool = True
) -> Checked:
    """Validate an account as typed. Raises InvalidInputError that names every problem."""
    kind = KINDS[typed.kind]
    problems: dict[str, Reason] = {}
    columns: dict[str, Any] = {
        "name": one_line(typed.name),
        "rewrites_return_path": typed.rewrites_return_path,
    }
    for name, most in MOST.items():
        columns[name] = _limit(typed.limits.get(name, ""), most, name, problems)
    if is_named:
        _check_name(columns["name"], account, problems)
    draft: Draft[Any, Any] = Draft(
        settings=parse(kind.settings, typed.settings, problems),
        credentials=parse(kind.credentials, typed.credentials, problems),
        stored=_stored(account) if account is not None else None,
        stored_credentials=frozenset(account.credentials if account is not None else ()),
        forget=typed.forget,
        problems=problems,
    )
    kind.check(draft)
    if problems:
        raise InvalidInputError(problems)
    columns["preset"] = kind.preset(typed.preset, draft.settings)
    columns["settings"] = draft.settings.model_dump()
    return Checked(kind, columns, draft)


def _stored(account: ProviderAccount) -> KindModel | None:
    """Return the stored settings. Secrets that belong to invalid ones must be typed again."""
    try:
        return settings_of(account)
    except UnusableAccountError:
        return None


def _limit(text: str, most: int, name: str, problems: dict[str, Reason]) -> int:
    try:
        return whole_number(text, 0, most)
    except PydanticCustomError as error:
        problems[name] = Reason(error.type, error.context or {})
        return 0


def _check_name(name: str, account: ProviderAccount | None, problems: dict[str, Reason]) -> None:
    if not name:
        problems["name"] = Reason("provider.name_missing")
    elif len(name) > MAX_NAME:
        problems["name"] = Reason("provider.name_too_long", {"most": MAX_NAME})
    else:
        other = db.session.scalar(sa.select(ProviderAccount).where(ProviderAccount.name == name))
        if other is not None and other is not account:
            problems["name"] = Reason("provider.name_taken")
