"""Endpoints: where a provider posts the events of one account. Create, change, verify, delete."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from campaigns.db import db
from campaigns.events import incoming
from campaigns.events.models import Incoming, WebhookEndpoint
from campaigns.events.webhooks import reading
from campaigns.events.webhooks.kind import LoginCredentials, Post, RefusedPostError, WebhookKind
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.inputs import InvalidInputError
from campaigns.providers.kind import KindModel, parse
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError, Vault

USERNAME = "campaigns"
LOGIN = ("username", "password", "old_username", "old_password")
"""Secrets that nobody types."""
MAX_REFUSED = 100
"""Number of refused posts that are kept for each endpoint."""
MAX_REFUSED_BYTES = 64 * 1024
LIGHT_SECONDS = 5
"""Precision of the time of the last post, in seconds: writing it for each would slow them down."""
MAX_HEADERS = 60
_PRIVATE = re.compile(r"authorization|cookie|proxy-.*|forwarded|x-forwarded-.*|x-real-ip")


@dataclass(frozen=True, slots=True)
class EndpointInput:
    """A webhook as typed. An empty secret keeps the stored one."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, kind: str, form: Mapping[str, Any]) -> "EndpointInput":
        """Read a form in which every field has the name that the kind's models give it."""
        found = WEBHOOKS.get(kind)
        if found is None:
            return cls(kind)
        settings = {
            name: bool(form.get(name)) if model.annotation is bool else form.get(name, "")
            for name, model in found.settings.model_fields.items()
        }
        typed = (name for name in found.credentials.model_fields if name not in LOGIN)
        return cls(kind, settings, {name: form.get(name, "") for name in typed})


def find(public_id: str) -> WebhookEndpoint | None:
    """Return the endpoint of a URL."""
    return db.session.scalar(
        sa.select(WebhookEndpoint).where(WebhookEndpoint.public_id == public_id)
    )


def of_account(account_id: int) -> WebhookEndpoint | None:
    """Return the endpoint of a provider account, if it has one."""
    return db.session.scalar(
        sa.select(WebhookEndpoint).where(WebhookEndpoint.account_id == account_id)
    )


def create(account: ProviderAccount, kind: str, vault: Vault, *, now: datetime) -> WebhookEndpoint:
    """Create an endpoint without its key, which some providers show once they have the URL.

    Until the key is saved, posts are refused. Raises InvalidInputError.
    """
    found = WEBHOOKS.get(kind)
    if found is None:
        raise InvalidInputError({"kind": Reason("webhook.kind_missing")})
    settings, credentials = found.settings(), found.credentials()
    if found.needs_login(settings):
        _renew(credentials)
    return _replace(account, kind, settings, credentials, vault, now)


def _replace(
    account: ProviderAccount,
    kind: str,
    settings: KindModel,
    credentials: LoginCredentials,
    vault: Vault,
    now: datetime,
) -> WebhookEndpoint:
    """Create the endpoint of an account, in place of the one it had."""
    if (stored := of_account(account.id)) is not None:
        delete(stored)
    endpoint = WebhookEndpoint(
        public_id=secrets.token_hex(16), account_id=account.id, kind=kind, created_at=now
    )
    db.session.add(endpoint)
    endpoint.settings = settings.model_dump()
    _store(endpoint, credentials, vault)
    db.session.flush()
    return endpoint


def save(
    account: ProviderAccount, typed: EndpointInput, vault: Vault, *, now: datetime
) -> WebhookEndpoint:
    """Create or change the endpoint of an account. Raises InvalidInputError.

    One of another kind is replaced, and gets another URL.
    """
    kind = WEBHOOKS.get(typed.kind)
    if kind is None:
        raise InvalidInputError({"kind": Reason("webhook.kind_missing")})
    stored = of_account(account.id)
    if stored is not None and stored.kind != typed.kind:
        stored = None
    settings, credentials = _checked(kind, typed, stored, vault)
    if stored is None:
        return _replace(account, typed.kind, settings, credentials, vault, now)
    stored.settings = settings.model_dump()
    _store(stored, credentials, vault)
    db.session.flush()
    return stored


def _checked(
    kind: WebhookKind[Any, Any],
    typed: EndpointInput,
    stored: WebhookEndpoint | None,
    vault: Vault,
) -> tuple[KindModel, LoginCredentials]:
    problems: dict[str, Reason] = {}
    settings: KindModel = parse(kind.settings, typed.settings, problems)
    known = _decrypted(stored, vault) if stored is not None else {}
    entered = {
        name: text.strip()
        for name, text in typed.credentials.items()
        if name not in LOGIN and text.strip()
    }
    credentials: LoginCredentials = parse(kind.credentials, {**known, **entered}, problems)
    for name, reason in kind.check(settings, credentials).items():
        problems.setdefault(name, reason)
    if problems:
        raise InvalidInputError(problems)
    if not kind.needs_login(settings):
        for name in LOGIN:
            setattr(credentials, name, "")
    elif not credentials.password:
        _renew(credentials)
    return settings, credentials


def renew_login(endpoint: WebhookEndpoint, vault: Vault) -> None:
    """Replace the login in the URL. The one until now works until the next change.

    Raises SecretUnreadableError.
    """
    kind = WEBHOOKS[endpoint.kind]
    credentials: LoginCredentials = kind.credentials.model_validate(_decrypted(endpoint, vault))
    _renew(credentials)
    _store(endpoint, credentials, vault)
    db.session.flush()


def _renew(credentials: LoginCredentials) -> None:
    credentials.old_username = credentials.username
    credentials.old_password = credentials.password
    credentials.username = USERNAME
    credentials.password = secrets.token_urlsafe(24)


def delete(endpoint: WebhookEndpoint) -> None:
    """Delete an endpoint: its URL no longer accepts posts. Those received stay."""
    db.session.delete(endpoint)
    db.session.flush()


def login_of(endpoint: WebhookEndpoint, vault: Vault) -> tuple[str, str]:
    """Return the username and password that the provider sends; empty if there are none.

    Raises SecretUnreadableError.
    """
    found = _decrypted(endpoint, vault)
    return found.get("username", ""), found.get("password", "")


def url_of(endpoint: WebhookEndpoint, vault: Vault, *, base_url: str) -> str:
    """Return the URL to paste at the provider, with the login. Raises SecretUnreadableError."""
    username, password = login_of(endpoint, vault)
    scheme, _, host = base_url.rstrip("/").partition("://")
    login = f"{username}:{password}@" if password else ""
    return f"{scheme}://{login}{host}/hooks/{endpoint.public_id}"


def _store(endpoint: WebhookEndpoint, credentials: LoginCredentials, vault: Vault) -> None:
    values = credentials.model_dump()
    endpoint.credentials = {name: vault.encrypt(text) for name, text in values.items() if text}


def _decrypted(endpoint: WebhookEndpoint, vault: Vault) -> dict[str, str]:
    return {name: vault.decrypt(stored) for name, stored in endpoint.credentials.items()}


# --- posts --------------------------------------------------------------------------------------


def verify(endpoint: WebhookEndpoint, post: Post, vault: Vault, *, now: datetime) -> str:
    """Return what identifies an accepted post. Raises RefusedPostError."""
    kind = WEBHOOKS.get(endpoint.kind)
    try:
        if kind is None:
            raise RefusedPostError("webhook.unusable", 503)
        settings = kind.settings.model_validate(endpoint.settings)
        credentials = kind.credentials.model_validate(_decrypted(endpoint, vault))
    except (ValidationError, SecretUnreadableError):
        raise RefusedPostError("webhook.unusable", 503) from None
    return kind.verify(post, credentials, settings, now=now)


def accept(endpoint: WebhookEndpoint, post: Post, name: str, *, now: datetime) -> int | None:
    """Store a verified post, and return its id; None if it was received before."""
    # SQLite reuses the id of a deleted endpoint, but a key in a URL is never used again.
    unique = f"{endpoint.public_id}:{name}".encode("utf-8", "replace")
    db.session.execute(
        sa.update(WebhookEndpoint)
        .where(
            WebhookEndpoint.id == endpoint.id,
            sa.or_(
                WebhookEndpoint.last_received_at.is_(None),
                WebhookEndpoint.last_received_at < now - timedelta(seconds=LIGHT_SECONDS),
            ),
        )
        .values(last_received_at=now)
        .execution_options(synchronize_session=False)
    )
    return incoming.receive(
        channel="webhook",
        source=endpoint.kind,
        body=post.body,
        dedupe=incoming.digest("webhook", endpoint.id, unique),
        now=now,
        headers=kept_headers(post),
        endpoint_id=endpoint.id,
        account_id=endpoint.account_id,
    )


def refuse(endpoint: WebhookEndpoint, post: Post, reason: Reason, *, now: datetime) -> None:
    """Note a refused post, so that its reason can be seen. Only the last ones are kept."""
    db.session.add(
        Incoming(
            channel="webhook",
            source=endpoint.kind,
            endpoint_id=endpoint.id,
            account_id=endpoint.account_id,
            received_at=now,
            headers=kept_headers(post),
            body=post.body[:MAX_REFUSED_BYTES],
            size=len(post.body),
            dedupe=f"refused:{secrets.token_hex(16)}",
            state="refused",
            verdict=reason.pack(),
            processed_at=now,
        )
    )
    db.session.flush()
    refused = (
        Incoming.channel == "webhook",
        Incoming.endpoint_id == endpoint.id,
        Incoming.state == "refused",
    )
    oldest = (
        sa.select(Incoming.id)
        .where(*refused)
        .order_by(Incoming.id.desc())
        .offset(MAX_REFUSED - 1)
        .limit(1)
        .scalar_subquery()
    )
    db.session.execute(
        sa.delete(Incoming)
        .where(*refused, Incoming.id < oldest)
        .execution_options(synchronize_session=False)
    )


def kept_headers(post: Post) -> dict[str, str]:
    """Return the headers that are stored: without logins and addresses, and in bounds."""
    kept = [name for name in sorted(post.headers) if not _PRIVATE.fullmatch(name)]
    return {
        reading.clean(name, 100): reading.clean(post.headers[name]) for name in kept[:MAX_HEADERS]
    }
