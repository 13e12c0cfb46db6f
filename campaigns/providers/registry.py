"""The registry of provider kinds, and functions for accounts of any kind."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from campaigns.providers.base import CheckResult, Provider, UnusableAccountError
from campaigns.providers.fields import StoredValue, Text
from campaigns.providers.kind import Kind, KindModel
from campaigns.providers.models import ProviderAccount
from campaigns.providers.smtp.kind import SmtpKind
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError, Vault

KINDS: dict[str, Kind[Any, Any, Any]] = {
    "smtp": SmtpKind(),
}


def kind_of(account: ProviderAccount) -> Kind[Any, Any, Any]:
    """Return the kind of an account. Raises UnusableAccountError for an unknown one."""
    kind = KINDS.get(account.kind)
    if kind is None:
        raise UnusableAccountError(Reason("provider.kind_unknown", {"kind": account.kind}))
    return kind


def settings_of(account: ProviderAccount) -> KindModel:
    """Return the stored settings as a model. Raises UnusableAccountError."""
    kind = kind_of(account)
    try:
        settings: KindModel = kind.settings.model_validate(account.settings, extra="ignore")
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise UnusableAccountError(
            Reason("provider.settings_invalid", {"name": account.name, "field": field})
        ) from None
    return settings


def secrets_of(account: ProviderAccount, vault: Vault) -> dict[str, str]:
    """Return the decrypted secrets. Raises SecretUnreadableError."""
    return decrypted(account.credentials, vault)


def decrypted(credentials: Mapping[str, str], vault: Vault) -> dict[str, str]:
    """Return these secrets, decrypted. Raises SecretUnreadableError."""
    return {name: vault.decrypt(stored) for name, stored in credentials.items() if stored}


def login_of(account: ProviderAccount, vault: Vault) -> Any:
    """Return what opens a connection. Raises UnusableAccountError, SecretUnreadableError."""
    return kind_of(account).login(settings_of(account), secrets_of(account, vault))


def open_provider(account: ProviderAccount, vault: Vault, *, apart: bool = False) -> Provider:
    """Return a provider for this account, which connects on first use.

    `apart`: with its own thread, for a source whose `begin` may be slow. Raises
    UnusableAccountError, SecretUnreadableError.
    """
    return kind_of(account).open(login_of(account, vault), account, apart=apart)


def check_connection(account: ProviderAccount, vault: Vault, *, sender: str = "") -> CheckResult:
    """Connect without sending, and report the findings. Never raises."""
    try:
        login = login_of(account, vault)
    except (UnusableAccountError, SecretUnreadableError) as error:
        return CheckResult(ok=False, reasons=(error.reason,))
    return kind_of(account).test(login, sender=sender)


def summary_of(account: ProviderAccount) -> Sequence[Text]:
    """Return what tells the account from others, or why it cannot be used."""
    try:
        return kind_of(account).summary(settings_of(account))
    except UnusableAccountError as error:
        return (error.reason,)


def stored_names(account: ProviderAccount) -> frozenset[str]:
    """Return the names of the values that are stored and that the form does not show."""
    pasted = (name for name in kind_of(account).pasted if account.settings.get(name))
    return frozenset((*account.credentials, *pasted))


def stored_values(account: ProviderAccount, *, now: datetime) -> Mapping[str, StoredValue]:
    """Return what the form says of values that it does not show, by the name of the field."""
    try:
        return kind_of(account).stored_values(settings_of(account), now=now)
    except UnusableAccountError:
        return {}


def preset_of(account: ProviderAccount) -> str:
    """Return the key of the account's well-known provider; empty if unknown."""
    try:
        return kind_of(account).preset(account.preset, settings_of(account))
    except UnusableAccountError:
        return account.preset
