"""Mailboxes that bounces arrive in: create, change and delete them, and record their state."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.workspace import load_workspace
from campaigns.db import db
from campaigns.events.models import IntakeMailbox
from campaigns.inputs import FormInput, InvalidInputError
from campaigns.intake.reader import MailboxLogin
from campaigns.providers import return_domains
from campaigns.providers.smtp import oauth
from campaigns.providers.smtp.oauth import OAuthGrant
from campaigns.reason import Reason
from campaigns.secrets import Vault

PROTOCOLS = ("imap", "pop3")
SECURITIES = ("tls", "starttls", "none")
AUTHS = ("password", "xoauth2")
SECRETS = ("password", "client_secret", "refresh_token")
OAUTH = ("token_url", "token_scope", "client_id")
MAX_TEXT = 500
MAX_PORT = 65_535
TLS_PORTS = (993, 995)
PLAIN_PORTS = (143, 110)
"""Ports at which a connection begins without encryption."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class IntakeMailboxInput(FormInput):
    """A mailbox as typed. An empty secret keeps the stored one, while the server stays the same."""

    protocol: str = "imap"
    host: str = ""
    port: str = "993"
    security: str = "tls"
    username: str = ""
    auth: str = "password"
    password: str = ""
    token_url: str = ""
    token_scope: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    folder: str = "INBOX"
    done_folder: str = ""
    is_on: bool = False


def find(public_id: str) -> IntakeMailbox | None:
    """Return the mailbox with this public id."""
    return db.session.scalar(sa.select(IntakeMailbox).where(IntakeMailbox.public_id == public_id))


def of_account(account_id: int) -> IntakeMailbox | None:
    """Return the mailbox that gets the bounces of this account."""
    return db.session.scalar(sa.select(IntakeMailbox).where(IntakeMailbox.account_id == account_id))


def typed_from(mailbox: IntakeMailbox) -> IntakeMailboxInput:
    """Return the form values of a stored mailbox, without its secrets."""
    names = ("protocol", "host", "port", "security", "username", "auth", "folder", "done_folder")
    return IntakeMailboxInput(
        **{name: str(getattr(mailbox, name)) for name in names},
        **{name: str(mailbox.settings.get(name, "")) for name in OAUTH},
        is_on=mailbox.is_on,
    )


def save(
    mailbox: IntakeMailbox | None,
    typed: IntakeMailboxInput,
    vault: Vault,
    *,
    account_id: int | None,
    now: datetime,
) -> IntakeMailbox:
    """Create or change a mailbox. Raises InvalidInputError."""
    if load_workspace().demo:
        raise InvalidInputError({"": Reason("intake.not_in_demo")})
    problems = _problems(typed, mailbox)
    if problems:
        raise InvalidInputError(problems)
    if mailbox is None:
        mailbox = IntakeMailbox(account_id=account_id, created_at=now, version=0)
        db.session.add(mailbox)
    if mailbox.version and (not typed.is_on or _place(mailbox) != _place(typed)):
        return_domains.forget_mailbox(mailbox.id)
    _keep_secrets(mailbox, typed, vault)
    for name in ("protocol", "security", "auth"):
        setattr(mailbox, name, getattr(typed, name))
    for name in ("host", "username", "folder", "done_folder"):
        setattr(mailbox, name, getattr(typed, name).strip())
    mailbox.port, mailbox.is_on = int(typed.port), typed.is_on
    mailbox.settings = {name: getattr(typed, name).strip() for name in OAUTH}
    mailbox.version += 1
    mailbox.trouble, mailbox.trouble_at = "", None
    return mailbox


def delete(mailbox: IntakeMailbox) -> None:
    """Stop reading a mailbox. Its emails stay on its server."""
    db.session.delete(mailbox)


def _server(value: IntakeMailbox | IntakeMailboxInput) -> tuple[str, ...]:
    """Return the settings that decide which servers get the secrets."""
    names = ("host", "port", "security", "username", "auth")
    kept = value.settings if isinstance(value, IntakeMailbox) else value.model_dump()
    return (
        *(str(getattr(value, name)).strip() for name in names),
        *(str(kept.get(name, "")).strip() for name in ("token_url", "client_id")),
    )


def _place(value: IntakeMailbox | IntakeMailboxInput) -> tuple[str, ...]:
    """Return what identifies a mailbox, whatever the protocol and the account."""
    return tuple(str(getattr(value, name)).strip() for name in ("host", "username", "folder"))


def _keep_secrets(mailbox: IntakeMailbox, typed: IntakeMailboxInput, vault: Vault) -> None:
    stays = bool(mailbox.version) and _server(mailbox) == _server(typed)
    kept = dict(mailbox.credentials or {}) if stays else {}
    new = {name: getattr(typed, name) for name in SECRETS}
    mailbox.credentials = kept | {
        name: vault.encrypt(secret) for name, secret in new.items() if secret
    }


def _problems(
    typed: IntakeMailboxInput, mailbox: IntakeMailbox | None
) -> Mapping[str, Reason | str]:
    problems: dict[str, Reason | str] = {}
    _check_texts(typed, problems)
    refuse = partial(_refuse, problems)
    for name, allowed in (("protocol", PROTOCOLS), ("security", SECURITIES), ("auth", AUTHS)):
        if getattr(typed, name) not in allowed:
            refuse(name, "intake.choice_unknown")
    if not typed.host.strip():
        refuse("host", "intake.host_missing")
    if not typed.username.strip():
        refuse("username", "intake.username_missing")
    if not (typed.port.isascii() and typed.port.isdigit() and 0 < int(typed.port[:20]) <= MAX_PORT):
        refuse("port", "intake.port_invalid")
    elif (int(typed.port) in TLS_PORTS and typed.security == "starttls") or (
        int(typed.port) in PLAIN_PORTS and typed.security == "tls"
    ):
        refuse("port", "intake.port_unfit")
    if typed.security == "none" and typed.host.strip() not in LOOPBACK:
        refuse("security", "intake.password_unencrypted")
    if typed.protocol == "imap" and _is_same_folder(typed.done_folder, typed.folder):
        refuse("done_folder", "intake.same_folder")
    _check_secrets(typed, mailbox, problems)
    return problems


def _is_same_folder(one: str, other: str) -> bool:
    """Return whether these are the same folder, where moved emails would count as new again."""
    return one.strip().casefold() == (other.strip() or "INBOX").casefold()


def _check_texts(typed: IntakeMailboxInput, problems: dict[str, Reason | str]) -> None:
    """Check what becomes part of commands, which end with the line."""
    for name in ("host", "username", "folder", "done_folder", *OAUTH, *SECRETS):
        text = getattr(typed, name)
        if not text.isprintable() or (name in {"host", *SECRETS} and not text.isascii()):
            _refuse(problems, name, "intake.text_invalid")
        elif name not in SECRETS and len(text) > MAX_TEXT:
            _refuse(problems, name, "intake.text_too_long", most=MAX_TEXT)


def _check_secrets(
    typed: IntakeMailboxInput, mailbox: IntakeMailbox | None, problems: dict[str, Reason | str]
) -> None:
    stays = mailbox is not None and _server(mailbox) == _server(typed)
    stored = mailbox.credentials if mailbox is not None and stays else {}
    if typed.auth == "password":
        if not (typed.password or "password" in stored):
            _refuse(problems, "password", "intake.password_missing")
        return
    if not typed.token_url.strip().startswith("https://"):
        _refuse(problems, "token_url", "intake.token_url_invalid")
    if not (typed.refresh_token or "refresh_token" in stored):
        _refuse(problems, "refresh_token", "intake.refresh_token_missing")


def _refuse(problems: dict[str, Reason | str], name: str, code: str, **params: str | int) -> None:
    problems.setdefault(name, Reason(code, params))


def login_of(mailbox: IntakeMailbox, vault: Vault) -> MailboxLogin:
    """Return the login of the mailbox, decrypted. Raises SecretUnreadableError."""
    secrets = {name: vault.decrypt(stored) for name, stored in mailbox.credentials.items()}
    grant = _grant(mailbox, secrets)
    return MailboxLogin(
        protocol=mailbox.protocol,
        host=mailbox.host,
        port=mailbox.port,
        security=mailbox.security,
        username=mailbox.username,
        password=secrets.get("password", ""),
        token=partial(oauth.access_token, grant) if grant else None,
        refuse_token=partial(oauth.refuse, grant) if grant else None,
        folder=mailbox.folder or "INBOX",
        done_folder=mailbox.done_folder,
    )


def _grant(mailbox: IntakeMailbox, secrets: Mapping[str, str]) -> OAuthGrant | None:
    if mailbox.auth != "xoauth2":
        return None
    return OAuthGrant(
        mailbox.settings.get("token_url", ""),
        mailbox.settings.get("client_id", ""),
        secrets.get("client_secret", ""),
        secrets.get("refresh_token", ""),
        mailbox.settings.get("token_scope", ""),
    )


def keep_renewed(mailbox_id: int, version: int, vault: Vault) -> None:
    """Store the refresh token with which the provider replaced the old one, if it did.

    Raises SecretUnreadableError.
    """
    mailbox = db.session.get(IntakeMailbox, mailbox_id, populate_existing=True)
    if mailbox is None or mailbox.version != version:
        return
    secrets = {name: vault.decrypt(stored) for name, stored in mailbox.credentials.items()}
    grant = _grant(mailbox, secrets)
    newest = oauth.newest_refresh_token(grant) if grant else ""
    if newest and grant and newest != grant.refresh_token:
        mailbox.credentials = {**mailbox.credentials, "refresh_token": vault.encrypt(newest)}


# --- their state --------------------------------------------------------------------------------


def note_checked(mailbox_id: int, version: int, *, received: int, now: datetime) -> None:
    """Note that the mailbox was read, and whether anything new was in it."""
    values: dict[str, Any] = {"checked_at": now, "trouble": "", "trouble_at": None}
    if received:
        values["last_received_at"] = now
    _note(mailbox_id, version, values)
    return_domains.note_alive(mailbox_id=mailbox_id, now=now)


def note_trouble(mailbox_id: int, version: int, reason: Reason, *, now: datetime) -> None:
    """Note why the mailbox cannot be read."""
    since = sa.func.coalesce(IntakeMailbox.trouble_at, now)
    _note(mailbox_id, version, {"trouble": reason.pack(), "trouble_at": since})


def _note(mailbox_id: int, version: int, values: dict[str, Any]) -> None:
    """Change a mailbox unless its settings changed meanwhile."""
    db.session.execute(
        sa.update(IntakeMailbox)
        .where(IntakeMailbox.id == mailbox_id, IntakeMailbox.version == version)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
