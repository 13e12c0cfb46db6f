"""An SMTP account: its settings and secrets, and their validation."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from campaigns.providers import certificates, outgoing
from campaigns.providers.base import CheckResult
from campaigns.providers.certificates import CertificateError
from campaigns.providers.fields import StoredValue, Text
from campaigns.providers.kind import Draft, Kind, KindModel, refusal, whole_number
from campaigns.providers.models import ProviderAccount
from campaigns.providers.presets import Preset, key_of, presets
from campaigns.providers.smtp import check, oauth
from campaigns.providers.smtp.fields import FIELDS, MAX_PORT
from campaigns.providers.smtp.login import SmtpLogin
from campaigns.providers.smtp.oauth import OAuthGrant
from campaigns.providers.smtp.pool import SmtpProvider
from campaigns.reason import Reason

MAX_CREDENTIAL = 500
MAX_OAUTH_TEXT = 2000
MAX_TOKEN = 16_384
MAX_HOST = 253
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")

SERVER = ("host", "port", "security", "username")
"""Settings that determine which server gets a login, and how."""
CLIENT = (*SERVER, "token_url", "client_id")
"""The same for the secrets of OAuth 2, which also go to the token endpoint."""


def _host(text: str) -> str:
    host = text.strip().lower().rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host and (len(host) > MAX_HOST or not _HOST_NAME.fullmatch(host)):
            raise refusal("provider.host_invalid") from None
    return host


def _one_space(text: str) -> str:
    return " ".join(text.split())


Stripped = Annotated[str, AfterValidator(str.strip)]


class SmtpSettings(KindModel):
    """How an account connects and logs in."""

    host: Annotated[str, AfterValidator(_host)] = ""
    port: Annotated[int, BeforeValidator(partial(whole_number, low=1, high=MAX_PORT))] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    unencrypted_ok: bool = False
    """The user accepted unencrypted sending to another machine."""
    username: Stripped = ""
    """Empty: the server requires no login."""
    auth: Literal["password", "oauth2"] = "password"
    token_url: Stripped = ""
    """OAuth 2 token endpoint for the client below."""
    token_scope: Annotated[str, AfterValidator(_one_space)] = ""
    client_id: Stripped = ""
    client_certificate: str = ""
    """The certificate for servers that ask for one: PEM text with the chain."""


class SmtpCredentials(KindModel):
    """The secrets of an account, in the clear."""

    password: str = Field("", repr=False)
    client_secret: str = Field("", repr=False)
    refresh_token: str = Field("", repr=False)
    client_key: str = Field("", repr=False)
    """The key of the client certificate: PEM text without a password."""


SmtpDraft = Draft[SmtpSettings, SmtpCredentials]


class SmtpKind(Kind[SmtpSettings, SmtpCredentials, SmtpLogin]):
    """See `Kind`."""

    title = "SMTP"
    settings = SmtpSettings
    credentials = SmtpCredentials
    fields = FIELDS
    pasted = frozenset({"client_certificate"})

    def check(self, draft: SmtpDraft) -> None:
        if not draft.settings.host:
            draft.refuse("host", "provider.host_missing")
        if "host" not in draft.problems:
            _check_security(draft)
        if draft.settings.auth == "oauth2":
            _check_oauth(draft)
        else:
            _check_password(draft)
        _check_certificate(draft)

    def uses(self, settings: SmtpSettings) -> Mapping[str, tuple[str, ...]]:
        used: dict[str, tuple[str, ...]] = {}
        if settings.username and settings.auth == "oauth2":
            used = {"client_secret": CLIENT, "refresh_token": CLIENT}
        elif settings.username:
            used = {"password": SERVER}
        return {**used, "client_key": SERVER} if settings.client_certificate else used

    def login(self, settings: SmtpSettings, credentials: Mapping[str, str]) -> SmtpLogin:
        grant = grant_of(settings, credentials)
        return SmtpLogin(
            settings.host,
            settings.port,
            settings.security,
            settings.username,
            password="" if grant else credentials.get("password", ""),
            token=partial(oauth.access_token, grant) if grant else None,
            refuse_token=partial(oauth.refuse, grant) if grant else None,
            certificate=settings.client_certificate + credentials.get("client_key", ""),
        )

    def open(self, login: SmtpLogin, account: ProviderAccount, *, apart: bool) -> SmtpProvider:
        return SmtpProvider(
            login, messages_per_connection=account.messages_per_connection, apart=apart
        )

    def test(self, login: SmtpLogin, *, sender: str) -> CheckResult:
        if login.refuse_token is not None:
            login.refuse_token()  # a cached token would not test the secrets typed now
        return check.check_login(login, sender=sender)

    def can_renew(self, settings: SmtpSettings) -> bool:
        return settings.auth == "oauth2"

    def renewed(self, settings: SmtpSettings, credentials: Mapping[str, str]) -> dict[str, str]:
        grant = grant_of(settings, credentials)
        newest = oauth.newest_refresh_token(grant) if grant else ""
        return {"refresh_token": newest} if grant and newest != grant.refresh_token else {}

    def address(self, settings: SmtpSettings) -> str:
        return f"{settings.host}:{settings.port}"

    def summary(self, settings: SmtpSettings) -> Sequence[Text]:
        names: dict[str, Text] = {"starttls": "STARTTLS", "tls": "TLS"}
        security = names.get(settings.security, Reason("account_form.unencrypted"))
        return tuple(filter(None, (self.address(settings), security, settings.username)))

    def stored_values(self, settings: SmtpSettings, *, now: datetime) -> Mapping[str, StoredValue]:
        found = certificates.shown(settings.client_certificate)
        if found is None:
            return {}
        is_expired = found.ends_at < now
        code = "account_form.certificate_valid"
        if is_expired:
            code = "account_form.certificate_expired"
        text = Reason(code, {"name": found.name, "ends_at": found.ends_at.isoformat()})
        return {"client_certificate": StoredValue(text, is_expired)}

    def presets(self, *, mailbox_port: int) -> Sequence[Preset]:
        return presets(mailbox_port)

    def preset(self, chosen: str, settings: SmtpSettings) -> str:
        return key_of(chosen, settings.host)


def grant_of(settings: SmtpSettings, credentials: Mapping[str, str]) -> OAuthGrant | None:
    """Return the OAuth 2 grant; None for a login by password or without login."""
    if settings.auth != "oauth2" or not settings.username:
        return None
    return OAuthGrant(
        settings.token_url,
        settings.client_id,
        credentials.get("client_secret", ""),
        credentials.get("refresh_token", ""),
        settings.token_scope,
    )


def is_loopback(host: str) -> bool:
    """Return whether this name or address is this machine, so that nobody can eavesdrop."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- validation -------------------------------------------------------------------------------


def _check_security(draft: SmtpDraft) -> None:
    settings = draft.settings
    if settings.security != "none" or is_loopback(settings.host):
        return
    if settings.username and settings.auth == "oauth2":
        draft.refuse("security", "provider.token_unencrypted")
    elif settings.username:
        draft.refuse("security", "provider.password_unencrypted")
    elif not settings.unencrypted_ok:
        draft.refuse("security", "provider.messages_unencrypted")


def _check_text(draft: SmtpDraft, name: str, text: str, longest: int) -> None:
    if not (text.isascii() and text.isprintable()):
        draft.refuse(name, "provider.text_not_ascii")
    elif len(text) > longest:
        draft.refuse(name, "provider.text_too_long", most=longest)


def _check_password(draft: SmtpDraft) -> None:
    settings, password = draft.settings, draft.credentials.password
    settings.token_url = settings.token_scope = settings.client_id = ""
    for name, text in (("username", settings.username), ("password", password)):
        _check_text(draft, name, text, MAX_CREDENTIAL)
    if password and not settings.username:
        draft.refuse("username", "provider.username_missing")
    elif settings.username and not password:
        if "password" not in draft.stored_credentials:
            draft.refuse("password", "provider.password_missing")
        elif _is_elsewhere(draft, SERVER):
            # On another port or with weaker encryption, someone else may read the secrets.
            draft.refuse("password", "provider.password_again")


def _check_oauth(draft: SmtpDraft) -> None:
    settings, secrets = draft.settings, draft.credentials
    secrets.client_secret = secrets.client_secret.strip()
    secrets.refresh_token = secrets.refresh_token.strip()
    for name, text, longest in (
        ("username", settings.username, MAX_OAUTH_TEXT),
        ("client_id", settings.client_id, MAX_OAUTH_TEXT),
        ("client_secret", secrets.client_secret, MAX_OAUTH_TEXT),
        ("token_scope", settings.token_scope, MAX_OAUTH_TEXT),
        ("token_url", settings.token_url, MAX_OAUTH_TEXT),
        ("refresh_token", secrets.refresh_token, MAX_TOKEN),
    ):
        _check_text(draft, name, text, longest)
    if reason := outgoing.why_not_usable(settings.token_url):
        draft.problems.setdefault("token_url", reason)
    if not settings.username:
        draft.refuse("username", "provider.mailbox_missing")
    if not settings.client_id:
        draft.refuse("client_id", "provider.client_id_missing")
    _check_oauth_secrets(draft)


def _check_oauth_secrets(draft: SmtpDraft) -> None:
    """Demand the secrets again if they would go to servers they were not typed for."""
    secrets, stored = draft.credentials, draft.stored_credentials
    has_token = "refresh_token" in stored
    is_elsewhere = _is_elsewhere(draft, CLIENT)
    if secrets.refresh_token:
        if has_token and "client_secret" in stored and is_elsewhere and not secrets.client_secret:
            draft.refuse("client_secret", "provider.client_secret_again")
    elif not has_token:
        draft.refuse("refresh_token", "provider.refresh_token_missing")
    elif is_elsewhere:
        draft.refuse("refresh_token", "provider.refresh_token_again")


def _check_certificate(draft: SmtpDraft) -> None:
    settings, secrets = draft.settings, draft.credentials
    if "client_key" in draft.forget:
        settings.client_certificate = secrets.client_key = ""
        return
    if settings.client_certificate.strip():
        try:
            settings.client_certificate, secrets.client_key = certificates.checked(
                settings.client_certificate, secrets.client_key
            )
        except CertificateError as error:
            draft.problems.setdefault(error.field, error.reason)
    elif secrets.client_key.strip():
        draft.refuse("client_certificate", "provider.certificate_missing")
    elif draft.stored is not None:
        settings.client_certificate = draft.stored.client_certificate
        if "client_key" in draft.stored_credentials and _is_elsewhere(draft, SERVER):
            draft.refuse("client_certificate", "provider.certificate_again")
    if settings.client_certificate and settings.security == "none":
        draft.refuse("security", "provider.certificate_unencrypted")


def _is_elsewhere(draft: SmtpDraft, names: tuple[str, ...]) -> bool:
    """Return whether these settings would send stored secrets to other servers."""
    stored = draft.stored
    return stored is None or any(
        getattr(stored, name) != getattr(draft.settings, name) for name in names
    )
