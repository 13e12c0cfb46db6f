"""The interface of a kind of provider: models of settings and credentials, checks, opening.

The form, the commands and an API read the models. How the form looks is described by `Kind.fields`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from campaigns.providers.base import CheckResult, Provider
from campaigns.providers.fields import AccountField, StoredValue, Text
from campaigns.providers.models import ProviderAccount
from campaigns.providers.presets import Preset
from campaigns.reason import Reason

MAX_DIGITS = 9


class KindModel(BaseModel):
    """Base of the models: values are validated one by one, and never shown in an error."""

    model_config = ConfigDict(validate_assignment=True, hide_input_in_errors=True, extra="forbid")


S = TypeVar("S", bound=KindModel)
C = TypeVar("C", bound=KindModel)
L = TypeVar("L")
M = TypeVar("M", bound=KindModel)


@dataclass(slots=True)
class Draft(Generic[S, C]):
    """An account as typed. A kind's `check` completes it and adds problems to it."""

    settings: S
    credentials: C
    """The secrets typed now. An empty one keeps the stored one."""
    stored: S | None
    """Stored settings of the account being changed."""
    stored_credentials: frozenset[str] = frozenset()
    """Names of the secrets that the account has."""
    forget: frozenset[str] = frozenset()
    """Names of the stored secrets to delete."""
    problems: dict[str, Reason] = field(default_factory=dict)

    def refuse(self, name: str, code: str, **params: str | int) -> None:
        """Add a problem to a field. Only the first problem of a field is shown."""
        self.problems.setdefault(name, Reason(code, params))


class Kind(ABC, Generic[S, C, L]):
    """A kind of provider account: one instance for each, named in `registry.KINDS`."""

    title: str
    """Its proper name, such as "SMTP"."""
    settings: type[S]
    credentials: type[C]
    fields: Sequence[AccountField] = ()
    """Each field of both models, in the order of the form."""
    pasted: frozenset[str] = frozenset()
    """Settings that the form never shows again; if left empty, the stored value stays."""

    @abstractmethod
    def check(self, draft: Draft[S, C]) -> None:
        """Check fields against each other. The models check single values."""

    @abstractmethod
    def uses(self, settings: S) -> Mapping[str, tuple[str, ...]]:
        """Return the secrets that these settings need, each with the settings it belongs to.

        A stored secret is kept only while those settings stay the same, so it is never sent to a
        server other than the one it was typed for.
        """

    @abstractmethod
    def login(self, settings: S, credentials: Mapping[str, str]) -> L:
        """Return what opens a connection, with decrypted secrets."""

    @abstractmethod
    def open(self, login: L, account: ProviderAccount, *, apart: bool) -> Provider:
        """Return a provider that connects on first use."""

    @abstractmethod
    def test(self, login: L, *, sender: str) -> CheckResult:
        """Connect without sending, and report the findings. Offers `sender` if given."""

    def can_renew(self, settings: S) -> bool:
        """Return whether the provider may replace secrets on its side."""
        return False

    def renewed(self, settings: S, credentials: Mapping[str, str]) -> dict[str, str]:
        """Return the secrets that the provider has replaced since these were stored."""
        return {}

    @abstractmethod
    def address(self, settings: S) -> str:
        """Return the server's address, such as "smtp.example.org:587"."""

    def summary(self, settings: S) -> Sequence[Text]:
        """Return what tells the account from others, in a list of accounts."""
        return (self.address(settings),)

    def stored_values(self, settings: S, *, now: datetime) -> Mapping[str, StoredValue]:
        """Return what the form says of values that it does not show, by the name of the field."""
        return {}

    def presets(self, *, mailbox_port: int) -> Sequence[Preset]:
        """Return the well-known providers that can fill in the form."""
        return ()

    def preset(self, chosen: str, settings: S) -> str:
        """Return the key of the account's well-known provider; empty if unknown."""
        return chosen

    def input_of(self, name: str) -> Literal["secret", "box", "number", "text"]:
        """Return what a field takes, by its type in the models."""
        if name in self.credentials.model_fields:
            return "secret"
        types: dict[Any, Literal["box", "number"]] = {bool: "box", int: "number"}
        return types.get(self.settings.model_fields[name].annotation, "text")


def parse(model: type[M], values: Mapping[str, Any], problems: dict[str, Reason]) -> M:
    """Return a model of these values; `problems` explains each value that kept its default."""
    parsed: M = cast("M", model.model_construct())
    for name in model.model_fields:
        if name in values:
            try:
                setattr(parsed, name, values[name])
            except ValidationError as error:
                problems[name] = _reason(error)
    return parsed


def _reason(error: ValidationError) -> Reason:
    found = error.errors(include_url=False, include_input=False)[0]
    if "." not in found["type"]:  # one of pydantic's own
        return Reason("provider.value_invalid")
    return Reason(found["type"], found.get("ctx", {}))


def refusal(code: str, **params: str | int) -> PydanticCustomError:
    """Return the error with which a model refuses a value; `code` becomes the reason."""
    return PydanticCustomError(code, code, params)


def whole_number(value: object, low: int, high: int) -> int:
    """Parse a typed number. Raises PydanticCustomError."""
    text = str(value).strip() or "0"
    if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and low <= int(text) <= high:
        return int(text)
    raise refusal("provider.number_invalid", low=low, high=high)
