"""Provider accounts: create, change, test, delete."""

import secrets
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.workspace import load_workspace
from campaigns.db import db
from campaigns.inputs import InvalidInputError
from campaigns.providers import health
from campaigns.providers.account_input import MOST, AccountInput, Checked, checked
from campaigns.providers.base import CheckResult
from campaigns.providers.kind import Kind
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.registry import decrypted, kind_of, secrets_of, settings_of
from campaigns.reason import Reason
from campaigns.secrets import Vault

__all__ = ["MOST", "AccountInput"]

MAX_SENDERS_NAMED = 5
NOT_IN_DEMO = Reason("provider.not_in_demo")


class AccountInUseError(ValueError):
    """The account cannot be deleted: `reason` says what needs it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.pack())
        self.reason = reason


class NotInDemoError(InvalidInputError):
    """A demo sends to its built-in mailbox only."""

    def __init__(self) -> None:
        super().__init__({"": NOT_IN_DEMO})


def find(public_id: str) -> ProviderAccount | None:
    return db.session.scalar(
        sa.select(ProviderAccount).where(ProviderAccount.public_id == public_id)
    )


def create(typed: AccountInput, vault: Vault, *, now: datetime) -> ProviderAccount:
    """Create an account. Raises InvalidInputError, NotInDemoError."""
    if load_workspace().demo:
        raise NotInDemoError
    found = checked(typed, None)
    account = ProviderAccount(
        kind=typed.kind,
        **found.columns,
        credentials=_credentials(found, {}, vault),
        # Databases reuse the id of a deleted row. The version tells workers that their open
        # connections belong to the old account.
        version=secrets.randbelow(1_000_000_000) + 1,
        created_at=now,
    )
    db.session.add(account)
    db.session.flush()
    return account


def change(account: ProviderAccount, typed: AccountInput, vault: Vault) -> None:
    """Save the input, replace open connections and clear the recorded trouble.

    Raises InvalidInputError, and in a demo NotInDemoError if anything but the limits changes.
    """
    found = checked(typed, account)
    credentials = _credentials(found, account.credentials, vault)
    is_other_login = (
        credentials != account.credentials
        or bool(typed.forget)
        or any(
            getattr(account, name) != value
            for name, value in found.columns.items()
            if name not in {*MOST, "preset", "settings"}
        )
        or found.draft.settings != found.draft.stored
    )
    if load_workspace().demo and is_other_login:
        raise NotInDemoError
    for name, value in found.columns.items():
        setattr(account, name, value)
    account.credentials = credentials
    account.version += 1
    db.session.flush()
    health.clear(account.id)


def _credentials(found: Checked, stored: dict[str, Any], vault: Vault) -> dict[str, str]:
    """Encrypt the typed secrets, and drop those that these settings do not use."""
    kept = {name: text for name, text in stored.items() if found.keeps(name)}
    typed = found.typed_secrets.items()
    return {**kept, **{name: vault.encrypt(text) for name, text in typed}}


def keep_renewed(account: ProviderAccount, vault: Vault) -> None:
    """Store the secrets with which the provider replaced old ones, if it did.

    Raises UnusableAccountError, SecretUnreadableError.
    """
    renewed = _renewed(account, vault)
    if renewed:
        encrypted = {name: vault.encrypt(text) for name, text in renewed.items()}
        account.credentials = {**account.credentials, **encrypted}


def has_renewed(account: ProviderAccount, vault: Vault) -> bool:
    """Return whether the provider gave this process newer secrets than the stored ones.

    Raises UnusableAccountError, SecretUnreadableError.
    """
    return bool(_renewed(account, vault))


def _renewed(account: ProviderAccount, vault: Vault) -> dict[str, str]:
    kind, settings = kind_of(account), settings_of(account)
    if not kind.can_renew(settings):
        return {}
    return kind.renewed(settings, secrets_of(account, vault))


def delete(account: ProviderAccount) -> None:
    """Delete an account. Raises AccountInUseError while it is in use, and always in a demo.

    The caller makes sure that no campaign needs it.
    """
    if reason := why_kept(account):
        raise AccountInUseError(reason)
    db.session.delete(account)
    db.session.flush()


def why_kept(account: ProviderAccount) -> Reason | None:
    """Return why it cannot be deleted now; None if it can."""
    if load_workspace().demo:
        return NOT_IN_DEMO
    used_by = db.session.scalars(
        sa.select(SenderAddress.address)
        .where(SenderAddress.provider_id == account.id)
        .order_by(SenderAddress.address)
        .limit(MAX_SENDERS_NAMED)
    ).all()
    return Reason("provider.in_use", {"addresses": ", ".join(used_by)}) if used_by else None


class ConnectionTest:
    """The connection that a form describes, saved or not. Holds no session and no transaction."""

    def __init__(self, kind: Kind[Any, Any, Any], login: Any) -> None:
        self._kind, self.login = kind, login

    def run(self, *, sender: str = "") -> CheckResult:
        """Connect without sending, and report the findings. Never raises."""
        return self._kind.test(self.login, sender=sender)


def connection_test(
    typed: AccountInput, account: ProviderAccount | None, vault: Vault
) -> ConnectionTest:
    """Prepare a connection test of the input.

    Raises InvalidInputError, SecretUnreadableError, or NotInDemoError for a server other than the
    demo's.
    """
    found = checked(typed, account, is_named=False)
    kind, draft = found.kind, found.draft
    if load_workspace().demo and (
        draft.stored is None or kind.address(draft.stored) != kind.address(draft.settings)
    ):
        raise NotInDemoError
    typed_now = found.typed_secrets
    stored = account.credentials if account is not None else {}
    kept = {
        name: text for name, text in stored.items() if name not in typed_now and found.keeps(name)
    }
    return ConnectionTest(kind, kind.login(draft.settings, {**decrypted(kept, vault), **typed_now}))


def limits_of(account: ProviderAccount) -> list[Reason]:
    """Return the limits of the account: emails and the period they apply to."""
    windows = (
        (account.per_second, "provider.limit_second"),
        (account.per_minute, "provider.limit_minute"),
        (account.per_hour, "provider.limit_hour"),
        (account.per_day, "provider.limit_day"),
    )
    return [Reason(code, {"count": most}) for most, code in windows if most]
