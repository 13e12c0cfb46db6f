"""Provider accounts: checked, made, changed, deleted."""

import ipaddress
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts import service
from campaigns.accounts.texts import InvalidInputError, one_line
from campaigns.db import db
from campaigns.providers import health
from campaigns.providers.models import SECURITY, ProviderAccount, SenderAddress
from campaigns.providers.presets import key_of
from campaigns.providers.smtp import SmtpLogin
from campaigns.secrets import Vault

MAX_NAME = 100
MAX_USERS_NAMED = 5
MAX_CREDENTIAL = 500
MOST = {
    "per_second": 100_000,
    "per_minute": 1_000_000,
    "per_hour": 10_000_000,
    "per_day": 100_000_000,
    "connections": 1_000,
    "messages_per_connection": 100_000,
}
"""The limits of an account, and the highest that makes sense. 0: none."""
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")

DEMO = (
    "This is a demonstration: its people are made up, so mail goes to the built-in mailbox only."
    " Start Campaigns without --demo to connect a provider."
)


class AccountInUseError(ValueError):
    """The account cannot be deleted; the message says what needs it."""


class NotInDemoError(ValueError):
    """A demonstration sends to its built-in mailbox and nowhere else."""

    def __init__(self) -> None:
        super().__init__(DEMO)


@dataclass(frozen=True, slots=True)
class AccountInput:
    """What was typed, before it is checked. `password` empty: keep the one that is stored.

    `unencrypted_ok`: the user was warned and wants it.
    """

    name: str = ""
    host: str = ""
    port: str = ""
    security: str = "starttls"
    username: str = ""
    password: str = ""
    preset: str = ""
    per_second: str = "0"
    per_minute: str = "0"
    per_hour: str = "0"
    per_day: str = "0"
    connections: str = "0"
    messages_per_connection: str = "0"
    rewrites_return_path: bool = False
    unencrypted_ok: bool = False


def find(public_id: str) -> ProviderAccount | None:
    return db.session.scalar(
        sa.select(ProviderAccount).where(ProviderAccount.public_id == public_id)
    )


def create(typed: AccountInput, vault: Vault, *, now: datetime) -> ProviderAccount:
    """A new account. Raises InvalidInputError, or NotInDemoError."""
    if service.workspace().demo:
        raise NotInDemoError
    values = _checked(typed, None)
    account = ProviderAccount(
        **values,
        password=vault.encrypt(typed.password) if typed.password and values["username"] else "",
        # Databases give a deleted row's id again: workers that still hold the old account's
        # connection must not take it for this one's.
        version=secrets.randbelow(1_000_000_000) + 1,
        created_at=now,
    )
    db.session.add(account)
    db.session.flush()
    return account


def change(account: ProviderAccount, typed: AccountInput, vault: Vault) -> None:
    """Save what was typed; open connections are made anew and known troubles forgotten.

    Raises InvalidInputError, or NotInDemoError for anything but the limits in a demonstration.
    """
    values = _checked(typed, account)
    is_other_login = typed.password or any(
        getattr(account, name) != values[name]
        for name in ("name", "host", "port", "security", "username", "rewrites_return_path")
    )
    if service.workspace().demo and is_other_login:
        raise NotInDemoError
    for name, value in values.items():
        setattr(account, name, value)
    if not values["username"]:
        account.password = ""
    elif typed.password:
        account.password = vault.encrypt(typed.password)
    account.version += 1
    db.session.flush()
    health.clear(account.id)


def delete(account: ProviderAccount) -> None:
    """Raises AccountInUseError while sender addresses use it, NotInDemoError in a demonstration.

    The caller has made sure that no campaign needs it.
    """
    if service.workspace().demo:
        raise NotInDemoError
    reason = why_kept(account)
    if reason:
        raise AccountInUseError(reason)
    db.session.delete(account)
    db.session.flush()


def why_kept(account: ProviderAccount) -> str:
    """Why it cannot be deleted now (sender addresses use it); empty when it can."""
    used_by = db.session.scalars(
        sa.select(SenderAddress.address)
        .where(SenderAddress.provider_id == account.id)
        .order_by(SenderAddress.address)
        .limit(MAX_USERS_NAMED)
    ).all()
    if not used_by:
        return ""
    return (
        f"It is used by {', '.join(used_by)}. Delete the sender address first, or give it another"
        " account."
    )


def login_to_test(typed: AccountInput, account: ProviderAccount | None, vault: Vault) -> SmtpLogin:
    """The login that the form describes, saved or not.

    Raises InvalidInputError, SecretUnreadableError, or NotInDemoError for another server than
    the one a demonstration has.
    """
    values = _checked(typed, account, is_named=False)
    if service.workspace().demo and (
        account is None or any(getattr(account, name) != values[name] for name in ("host", "port"))
    ):
        raise NotInDemoError
    password = typed.password
    if not password and account is not None and account.password and values["username"]:
        password = vault.decrypt(account.password)
    return SmtpLogin(
        values["host"], values["port"], values["security"], values["username"], password
    )


def limits_of(account: ProviderAccount) -> list[tuple[int, str]]:
    """How many mails it may send in which time, where that is limited."""
    windows = (
        (account.per_second, "a second"),
        (account.per_minute, "a minute"),
        (account.per_hour, "an hour"),
        (account.per_day, "a day"),
    )
    return [(most, unit) for most, unit in windows if most]


def is_loopback(host: str) -> bool:
    """Whether this name or address is this machine: nobody can listen on the way."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(
    typed: AccountInput, account: ProviderAccount | None, *, is_named: bool = True
) -> dict[str, Any]:
    """The values to store, password apart. Raises InvalidInputError that names every problem."""
    problems: dict[str, str] = {}
    values: dict[str, Any] = {
        "name": one_line(typed.name),
        "host": typed.host.strip().lower().rstrip("."),
        "port": _number(typed.port, 1, 65_535, "port", problems),
        "security": typed.security if typed.security in SECURITY else "starttls",
        "username": typed.username.strip(),
        "rewrites_return_path": typed.rewrites_return_path,
    }
    for name, most in MOST.items():
        values[name] = _number(getattr(typed, name), 0, most, name, problems)
    values["preset"] = key_of(typed.preset, values["host"])
    if is_named:
        _check_name(values["name"], account, problems)
    _check_host(values["host"], problems)
    if "host" not in problems:
        _check_security(values, typed, problems)
    _check_login(values, typed, account, problems)
    if problems:
        raise InvalidInputError(problems)
    return values


def _number(text: str, low: int, high: int, name: str, problems: dict[str, str]) -> int:
    text = text.strip() or "0"
    if text.isascii() and text.isdigit() and len(text) <= 9 and low <= int(text) <= high:
        return int(text)
    problems[name] = f"A whole number from {low:,} to {high:,}, please."
    return low


def _check_name(name: str, account: ProviderAccount | None, problems: dict[str, str]) -> None:
    if not name:
        problems["name"] = "Give the account a name, such as “Amazon SES”."
    elif len(name) > MAX_NAME:
        problems["name"] = f"The name may have at most {MAX_NAME} characters."
    else:
        other = db.session.scalar(sa.select(ProviderAccount).where(ProviderAccount.name == name))
        if other is not None and other is not account:
            problems["name"] = "There is already an account with this name."


def _check_host(host: str, problems: dict[str, str]) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not host:
            problems["host"] = "Enter the name of the mail server, such as smtp.example.org."
        elif len(host) > 253 or not _HOST_NAME.fullmatch(host):
            problems["host"] = (
                "This is not a server name: just the name, such as smtp.example.org, without port"
                " or https://."
            )


def _check_security(values: dict[str, Any], typed: AccountInput, problems: dict[str, str]) -> None:
    if values["security"] != "none" or is_loopback(values["host"]):
        return
    if values["username"]:
        problems["security"] = (
            "Without encryption the password could be read on the way. Choose STARTTLS or TLS, or"
            " leave user name and password empty."
        )
    elif not typed.unencrypted_ok:
        problems["security"] = (
            "Without encryption every mail can be read on the way. Choose STARTTLS or TLS, or"
            " tick the box below if this line is safe."
        )


def _check_login(
    values: dict[str, Any],
    typed: AccountInput,
    account: ProviderAccount | None,
    problems: dict[str, str],
) -> None:
    username, password = values["username"], typed.password
    for name, text in (("username", username), ("password", password)):
        if not (text.isascii() and text.isprintable()) or len(text) > MAX_CREDENTIAL:
            problems[name] = "SMTP logins take plain letters, digits and signs (ASCII) only."
    if password and not username:
        problems["username"] = "A password needs a user name."
    elif username and not password:
        reason = _why_password(values["host"], username, account)
        if reason:
            problems["password"] = reason


def _why_password(host: str, username: str, account: ProviderAccount | None) -> str:
    """Why the stored password will not do; empty when it will."""
    if account is None or not account.password:
        return "Enter the password."
    if (account.host, account.username) != (host, username):
        # Else the stored password could be sent to any server, and so be read.
        return "Enter the password again: the server or the user name is another one now."
    return ""
