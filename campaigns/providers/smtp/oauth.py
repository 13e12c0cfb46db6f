"""OAuth 2 access tokens, which some providers require instead of a password.

A user authorizes us once on the provider's pages and gets a refresh token. The token endpoint
exchanges it for access tokens that last about an hour and are cached in memory.
"""

import hashlib
import json
import threading
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlsplit

from campaigns.clock import running_seconds
from campaigns.inputs import one_line
from campaigns.providers import outgoing
from campaigns.providers.base import ProviderTroubleError
from campaigns.providers.outgoing import OutgoingError
from campaigns.providers.presets import PRESETS
from campaigns.reason import Reason

ASK_AGAIN_BEFORE = 120.0
"""Seconds before its expiry from which a token is no longer used: a login takes time."""
USUAL_LIFE = 3600.0
LONGEST_LIFE = 86_400.0
LONGEST_TOKEN = 16_384
MAX_KEPT = 1000
LONGEST_QUOTE = 300

KNOWN_HOSTS = frozenset(
    urlsplit(preset.token_url).hostname or "" for preset in PRESETS if preset.token_url
)
"""Token endpoints that may have a private address, as behind a company's proxy."""


@dataclass(frozen=True, slots=True)
class OAuthGrant:
    """What an access token is requested with. The secrets are decrypted."""

    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.token_url).hostname or ""


@dataclass(slots=True)
class _Kept:
    """The latest tokens of a grant."""

    refresh_token: str
    access_token: str = ""
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Many connections may open at once; only one of them requests a token."""


_kept: dict[bytes, _Kept] = {}


def access_token(grant: OAuthGrant) -> str:
    """Return a token that is valid for a while. Raises ProviderTroubleError."""
    kept = _kept_for(grant)
    with kept.lock:
        if running_seconds() >= kept.until:
            _renew(replace(grant, refresh_token=kept.refresh_token), kept)
        return kept.access_token


def refuse(grant: OAuthGrant) -> None:
    """Drop a token that the mail server refused: the next login requests another one."""
    _kept_for(grant).until = 0.0


def newest_refresh_token(grant: OAuthGrant) -> str:
    """Return the latest refresh token: some providers replace it, and old ones expire."""
    kept = _kept.get(_key(grant))
    return kept.refresh_token if kept is not None else grant.refresh_token


def forget_all() -> None:
    """Clear the cache. For tests."""
    _kept.clear()


def _kept_for(grant: OAuthGrant) -> _Kept:
    if len(_kept) > MAX_KEPT:
        _kept.clear()  # each login requests a new token
    return _kept.setdefault(_key(grant), _Kept(grant.refresh_token))


def _key(grant: OAuthGrant) -> bytes:
    words = (
        grant.token_url, grant.client_id, grant.client_secret, grant.refresh_token, grant.scope,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(words).encode()).digest()


def _renew(grant: OAuthGrant, kept: _Kept) -> None:
    status, answer = _ask(grant)
    token = answer.get("access_token")
    if status != 200 or not isinstance(token, str) or not _is_token(token):
        raise _refusal(grant, status, answer)
    kept.access_token = token
    kept.until = running_seconds() + max(0.0, _life(answer) - ASK_AGAIN_BEFORE)
    newer = answer.get("refresh_token")
    if isinstance(newer, str) and _is_token(newer) and newer != grant.refresh_token:
        kept.refresh_token = newer
        # The account will be loaded with the newer refresh token, and must find its cache.
        _kept[_key(replace(grant, refresh_token=newer))] = kept


def _is_token(text: str) -> bool:
    """Return whether a token is safe in an SMTP command."""
    return 0 < len(text) <= LONGEST_TOKEN and text.isascii() and text.isprintable()


def _life(answer: dict[str, Any]) -> float:
    seconds = answer.get("expires_in")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        seconds = int(seconds[:9])  # Microsoft's older endpoint writes it as text
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return min(float(cast("float", seconds)), LONGEST_LIFE) if is_number else USUAL_LIFE


_RECONNECT_CODES = frozenset({"invalid_grant", "interaction_required", "consent_required"})


def _refusal(grant: OAuthGrant, status: int, answer: dict[str, Any]) -> ProviderTroubleError:
    code = answer.get("error")
    code = code if isinstance(code, str) else ""
    told = answer.get("error_description")
    told = _clean(told if isinstance(told, str) and told else code or f"HTTP {status}")
    for secret in (grant.client_secret, grant.refresh_token):
        told = told.replace(secret, "…") if secret else told
    outcome = "connection.token_refused"
    if code in _RECONNECT_CODES:
        outcome = "connection.token_revoked"
    elif code in {"invalid_client", "unauthorized_client"}:
        outcome = "connection.token_client_refused"
    elif 300 <= status < 400:
        outcome = "connection.token_redirected"
    is_for_now = (
        status >= 500 or status in {408, 429} or code in {"temporarily_unavailable", "server_error"}
    )
    reason = Reason(outcome, {"host": grant.host, "error": told.rstrip(".")})
    return ProviderTroubleError(reason, permanent=not is_for_now)


def _ask(grant: OAuthGrant) -> tuple[int, dict[str, Any]]:
    """Ask the token endpoint. Returns status and response. Raises ProviderTroubleError."""
    form = {
        "grant_type": "refresh_token",
        "client_id": grant.client_id,
        "refresh_token": grant.refresh_token,
    }
    if grant.client_secret:
        form["client_secret"] = grant.client_secret
    if grant.scope:
        form["scope"] = grant.scope
    try:
        answer = outgoing.post_form(grant.token_url, form, known_hosts=KNOWN_HOSTS)
    except OutgoingError as error:
        reason = _no_answer(grant.host, error)
        raise ProviderTroubleError(reason, permanent=error.is_lasting) from None
    return answer.status, _json(answer.body)


def _no_answer(host: str, error: OutgoingError) -> Reason:
    match error:
        case outgoing.NoSuchHostError():
            return Reason("connection.token_host_unknown", {"host": host})
        case outgoing.InternalAddressError():
            return Reason("connection.token_host_private", {"host": host})
        case outgoing.SilentServerError():
            return Reason("connection.token_no_answer", {"host": host})
        case outgoing.UnusableAddressError():
            return Reason("connection.token_url_unusable", {"host": host})
    params = {"host": host, "error": _clean(str(error)).rstrip(".")}
    if isinstance(error, outgoing.UntrustedCertificateError):
        return Reason("connection.token_certificate_untrusted", params)
    return Reason("connection.token_unreachable", params)


def _clean(text: str) -> str:
    return one_line(text[:1000])[:LONGEST_QUOTE]


def _json(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
