"""The interface of a provider's webhook: models of its settings and secrets, verify, parse.

Everything here is pure: no database and no clock. A post is verified on its raw bytes and headers
before anything in it is believed, and parsed later by a job.
"""

import base64
import binascii
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import Field

from campaigns.events.feedback import Feedback
from campaigns.providers.fields import AccountField
from campaigns.providers.kind import KindModel
from campaigns.reason import Reason

MAX_ENVELOPE_BYTES = 1024 * 1024
"""Size limit of posts that have to be parsed before they can be verified. SNS sends 256 kB."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it came. Names of headers are in lower case."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    def header(self, name: str) -> str:
        """Return a header, empty if there is none."""
        return self.headers.get(name, "")


class RefusedPostError(Exception):
    """The post is not accepted, and answered with this status; `reason` says why.

    Providers send again after 401 and 403, in case our settings are at fault, and give up at 406.
    """

    def __init__(self, code: str, status: int = 403, **params: str | int) -> None:
        super().__init__(code)
        self.reason = Reason(code, params)
        self.status = status


class NoSettings(KindModel):
    """Settings of a kind that has none."""


class LoginCredentials(KindModel):
    """The login that we generate and that is part of the URL to paste (HTTP Basic).

    After a change the old one works too, until the next change: nothing is lost until the new
    URL is pasted at the provider.
    """

    username: str = ""
    password: str = Field("", repr=False)
    old_username: str = ""
    old_password: str = Field("", repr=False)


S = TypeVar("S", bound=KindModel)
C = TypeVar("C", bound=LoginCredentials)


class WebhookKind(ABC, Generic[S, C]):
    """The webhook of one provider: one instance for each, named in `registry.WEBHOOKS`."""

    title: str
    """The provider's proper name."""
    settings: type[S]
    credentials: type[C]
    fields: Sequence[AccountField] = ()
    """What people type, in the order of the form. The login is generated instead."""
    events: Sequence[str] = ()
    """Events to select at the provider, in the provider's own words."""

    status_of_repeated = 200
    """Status of the answer to a post that was received before."""

    def needs_login(self, settings: S) -> bool:
        """Return whether posts are authenticated by the login in the URL."""
        return False

    def check(self, settings: S, credentials: C) -> dict[str, Reason]:
        """Return what is wrong with the settings and secrets, by the name of the field."""
        return {}

    def verify(self, post: Post, credentials: C, settings: S, *, now: datetime) -> str:
        """Return what identifies this post, so that it is stored once. Raises RefusedPostError.

        An endpoint that has a login checks it first, whatever else the kind checks.
        """
        if credentials.username or self.needs_login(settings):
            _check_login(post, credentials)
        return self._verify(post, credentials, settings, now)

    def _verify(self, post: Post, credentials: C, settings: S, now: datetime) -> str:
        """Check the signature. By default there is none, and the body identifies the post."""
        return digest(post.body)

    @abstractmethod
    def parse(self, post: Post) -> list[Feedback]:
        """Return what a verified post reports; `unknown` for whatever this module has not seen.

        Raises UnreadablePostError if the body cannot be read at all.
        """

    def confirmation_url(self, post: Post) -> str:
        """Return the URL to request so that the provider starts to post; mostly empty."""
        return ""


def digest(body: bytes) -> str:
    """Return a name for a body, the same for the same bytes."""
    return hashlib.sha256(body).hexdigest()


def _check_login(post: Post, credentials: LoginCredentials) -> None:
    """Check HTTP Basic, in constant time, also against the login before the last change.

    Always 401: SNS sends its login only when asked by a 401, and Postmark never tries again after
    a 403.
    """
    if not post.header("authorization"):
        raise RefusedPostError("webhook.login_missing", 401)
    given = _basic(post.header("authorization"))
    pairs = (
        (credentials.username, credentials.password),
        (credentials.old_username, credentials.old_password),
    )
    known = [f"{name}:{password}".encode() for name, password in pairs if name and password]
    if not any([hmac.compare_digest(given, one) for one in known]):  # noqa: C419 (no early end)
        raise RefusedPostError("webhook.login_wrong", 401)


def _basic(header: str) -> bytes:
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def check_age(signed_at: float, now: datetime, *, oldest: float, ahead: float, status: int) -> None:
    """Refuse a post signed longer ago than `oldest` seconds, or more than `ahead` in the future."""
    age = now.timestamp() - signed_at
    if age > oldest:
        raise RefusedPostError("webhook.too_old", status)
    if age < -ahead:
        raise RefusedPostError("webhook.from_the_future", status)


def check_size(post: Post) -> None:
    """Refuse a post that is too large to be parsed for a stranger."""
    if len(post.body) > MAX_ENVELOPE_BYTES:
        raise RefusedPostError("webhook.too_large", 413, most_bytes=MAX_ENVELOPE_BYTES)


def signing_secret(credentials: str) -> bytes:
    """Return a pasted secret as bytes. Raises RefusedPostError if there is none."""
    if not credentials.strip():
        raise RefusedPostError("webhook.no_key")
    return credentials.strip().encode("utf-8", "replace")
