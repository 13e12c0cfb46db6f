"""Provider accounts: checked, made, changed, deleted."""

import ipaddress
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.workspace import load_workspace
from campaigns.db import db
from campaigns.inputs import InvalidInputError, one_line
from campaigns.providers import certificates, health, outgoing
from campaigns.providers.certificates import CertificateError
from campaigns.providers.models import AUTH, SECURITY, ProviderAccount, SenderAddress
from campaigns.providers.presets import key_of
from campaigns.providers.smtp import SmtpLogin, oauth
from campaigns.providers.smtp.account import grant_of, make_login
from campaigns.providers.smtp.oauth import Grant
from campaigns.secrets import Vault

MAX_NAME = 100
MAX_USERS_NAMED = 5
MAX_CREDENTIAL = 500
MAX_TOKEN = 16_384
SECRETS = ("password", "client_secret", "refresh_token")
"""Fields of an account that are stored encrypted and never shown again; the key of a client
certificate is another one."""
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
    """What was typed, before it is checked. An empty secret: keep the one that is stored,
    which holds only while server, port, encryption and user name stay the same.

    `unencrypted_ok`: the user was warned and wants it. `drops_certificate`: the stored client
    certificate is wanted no more.
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
    auth: str = "password"
    token_url: str = ""
    token_scope: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    client_certificate: str = ""
    client_key: str = ""
    drops_certificate: bool = False


def find(public_id: str) -> ProviderAccount | None:
    return db.session.scalar(
        sa.select(ProviderAccount).where(ProviderAccount.public_id == public_id)
    )


def create(typed: AccountInput, vault: Vault, *, now: datetime) -> ProviderAccount:
    """A new account. Raises InvalidInputError, or NotInDemoError."""
    if load_workspace().demo:
        raise NotInDemoError
    values = _checked(typed, None)
    account = ProviderAccount(
        **values,
        # Databases give a deleted row's id again: workers that still hold the old account's
        # connection must not take it for this one's.
        version=secrets.randbelow(1_000_000_000) + 1,
        created_at=now,
    )
    _keep_secrets(account, typed, vault)
    db.session.add(account)
    db.session.flush()
    return account


def change(account: ProviderAccount, typed: AccountInput, vault: Vault) -> None:
    """Save what was typed; open connections are made anew and known troubles forgotten.

    Raises InvalidInputError, or NotInDemoError for anything but the limits in a demonstration.
    """
    values = _checked(typed, account)
    is_other_login = any(
        getattr(typed, name) for name in (*SECRETS, "client_certificate", "drops_certificate")
    ) or any(
        getattr(account, name) != value
        for name, value in values.items()
        if name not in {*MOST, "preset"}
    )
    if load_workspace().demo and is_other_login:
        raise NotInDemoError
    for name, value in values.items():
        setattr(account, name, value)
    _keep_secrets(account, typed, vault)
    account.version += 1
    db.session.flush()
    health.clear(account.id)


def _keep_secrets(account: ProviderAccount, typed: AccountInput, vault: Vault) -> None:
    """Store what was typed, and let go of what this way to log in has no use for."""
    by_token = account.auth == "oauth2"
    for name in SECRETS:
        is_used = bool(account.username) and by_token != (name == "password")
        text = getattr(typed, name)
        if not is_used:
            setattr(account, name, "")
        elif text:
            setattr(account, name, vault.encrypt(text.strip() if by_token else text))
    if not by_token:
        account.token_url = account.token_scope = account.client_id = ""
    if typed.drops_certificate:
        account.client_certificate = account.client_key = ""
    elif typed.client_certificate.strip():
        chain, key = certificates.checked(typed.client_certificate, typed.client_key)
        account.client_certificate, account.client_key = chain, vault.encrypt(key)


def keep_newest_token(account: ProviderAccount, vault: Vault) -> None:
    """Store the refresh token that the provider gave in place of the old one, if it did."""
    grant = grant_of(account, vault)
    if grant is not None and has_newer_token(account, vault):
        account.refresh_token = vault.encrypt(oauth.newest_refresh_token(grant))


def has_newer_token(account: ProviderAccount, vault: Vault) -> bool:
    """Whether this process was given another refresh token than the one that is stored."""
    grant = grant_of(account, vault)
    return grant is not None and oauth.newest_refresh_token(grant) != grant.refresh_token


def delete(account: ProviderAccount) -> None:
    """Raises AccountInUseError while sender addresses use it, NotInDemoError in a demonstration.

    The caller has made sure that no campaign needs it.
    """
    if load_workspace().demo:
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
    if load_workspace().demo and (
        account is None or any(getattr(account, name) != values[name] for name in ("host", "port"))
    ):
        raise NotInDemoError
    stored = account or ProviderAccount()

    def secret(name: str) -> str:
        kept = getattr(stored, name)
        return getattr(typed, name) or (vault.decrypt(kept) if kept else "")

    certificate = ""
    if typed.client_certificate.strip():
        certificate = "".join(certificates.checked(typed.client_certificate, typed.client_key))
    elif stored.client_certificate and not typed.drops_certificate:
        certificate = stored.client_certificate + secret("client_key")
    grant = None
    if values["auth"] == "oauth2":
        grant = Grant(
            values["token_url"],
            values["client_id"],
            secret("client_secret").strip(),
            secret("refresh_token").strip(),
            values["token_scope"],
        )
        oauth.refuse(grant)  # what is tried must be tried anew
    return make_login(
        values["host"],
        values["port"],
        values["security"],
        values["username"],
        password=secret("password") if values["username"] and grant is None else "",
        grant=grant,
        certificate=certificate,
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
        "auth": typed.auth if typed.auth in AUTH else "password",
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
    if values["auth"] == "oauth2":
        _check_tokens(values, typed, account, problems)
    else:
        _check_login(values, typed, account, problems)
    _check_certificate(values, typed, account, problems)
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
        reason = _why_password(values, account)
        if reason:
            problems["password"] = reason


def _check_tokens(
    values: dict[str, Any],
    typed: AccountInput,
    account: ProviderAccount | None,
    problems: dict[str, str],
) -> None:
    """What OAuth 2 needs. Adds its own values."""
    values["token_url"] = typed.token_url.strip()
    values["token_scope"] = " ".join(typed.token_scope.split())
    values["client_id"] = typed.client_id.strip()
    longest = dict.fromkeys(("username", "client_id", "client_secret", "token_scope"), 2000)
    for name, most in {**longest, "token_url": 2000, "refresh_token": MAX_TOKEN}.items():
        text = getattr(typed, name).strip()
        if not (text.isascii() and text.isprintable()) or len(text) > most:
            problems[name] = "Plain letters, digits and signs (ASCII) only, please."
    reason = outgoing.why_not_usable(values["token_url"])
    if reason:
        problems.setdefault("token_url", reason)
    if values["security"] == "none" and not is_loopback(values["host"]):
        problems.setdefault("security", "An access token must not be read on the way.")
    if not values["username"]:
        problems.setdefault("username", "Whose mailbox it is: the whole address.")
    if not values["client_id"]:
        problems.setdefault("client_id", "The ID under which the provider knows your application.")
    _check_token_secrets(values, typed, account, problems)


_PLACE = ("host", "port", "security", "username")
"""Where a login is sent, how, and as whom: a stored secret is sent there and nowhere else."""


def _is_same_place(account: ProviderAccount, values: dict[str, Any], *more: str) -> bool:
    """Whether these values send the stored secrets where they were typed for."""
    return all(getattr(account, name) == values[name] for name in (*_PLACE, *more))


def _check_token_secrets(
    values: dict[str, Any],
    typed: AccountInput,
    account: ProviderAccount | None,
    problems: dict[str, str],
) -> None:
    """Stored secrets go to the servers that they were typed for, and to no other."""
    kept = account if account is not None and account.refresh_token else None
    is_same = kept is not None and _is_same_place(kept, values, "token_url", "client_id")
    if typed.refresh_token.strip():
        if kept is not None and kept.client_secret and not is_same and not typed.client_secret:
            problems.setdefault(
                "client_secret",
                "Enter the client secret again. The stored one belongs to the earlier server, port,"
                " encryption, user name, token endpoint or client ID.",
            )
    elif kept is None:
        problems.setdefault("refresh_token", "Enter the refresh token.")
    elif not is_same:
        problems.setdefault(
            "refresh_token",
            "Enter the refresh token and the client secret again. The stored ones belong to the"
            " earlier server, port, encryption, user name, token endpoint or client ID.",
        )


def _check_certificate(
    values: dict[str, Any],
    typed: AccountInput,
    account: ProviderAccount | None,
    problems: dict[str, str],
) -> None:
    if typed.drops_certificate:
        return
    is_typed = bool(typed.client_certificate.strip())
    if typed.client_key.strip() and not is_typed:
        problems["client_certificate"] = "Enter the certificate that belongs to the key."
    elif is_typed:
        try:
            certificates.checked(typed.client_certificate, typed.client_key)
        except CertificateError as error:
            problems[error.field] = str(error)
    elif account is not None and account.client_key and not _is_same_place(account, values):
        problems["client_certificate"] = (
            "Enter the certificate and its key again. The stored ones belong to the earlier server,"
            " port, encryption or user name."
        )
    has_one = is_typed or (account is not None and bool(account.client_certificate))
    if has_one and values["security"] == "none":
        problems.setdefault("security", "A client certificate is shown over TLS only.")


def _why_password(values: dict[str, Any], account: ProviderAccount | None) -> str:
    """Why the stored password will not do; empty when it will."""
    if account is None or not account.password:
        return "Enter the password."
    if not _is_same_place(account, values):
        # Another port or weaker encryption is enough to read it: others may listen there.
        return (
            "Enter the password again. The stored one belongs to the earlier server, port,"
            " encryption or user name."
        )
    return ""
