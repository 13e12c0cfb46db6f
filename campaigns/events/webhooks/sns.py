"""Amazon SNS: the envelope's signature, and the certificates that prove it.

The envelope names the URL of the certificate, and an attacker could name any. Only hosts of SNS
itself are asked, and only for a file whose name SNS gives to certificates.
"""

import base64
import binascii
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from campaigns.events.webhooks.kind import RefusedPostError
from campaigns.providers import outgoing

_HOST = r"https://sns\.[a-z]{2}(?:-[a-z]{2,20}){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE_URL = re.compile(_HOST + r"/SimpleNotificationService-[0-9A-Za-z]{1,80}\.pem")
_CONFIRMATION_URL = re.compile(
    _HOST + r"/\?Action=ConfirmSubscription(?:&(?:TopicArn|Token)=[A-Za-z0-9%:._~-]{1,2000}){1,2}"
)

ENVELOPES: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
    "UnsubscribeConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
"""Types of envelopes, and the fields that are signed, in this order."""

HASHES: Mapping[str, type[hashes.SHA1 | hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}
"""`SignatureVersion`. SNS signs with version 1 unless the topic is set to 2."""

MAX_CERTIFICATES = 32
MAX_CERTIFICATE_BYTES = 32_768
FRESH_FOR = timedelta(days=1)
USABLE_FOR = timedelta(days=7)
"""Time for which a key is used while its certificate cannot be fetched again."""
PAUSE_AFTER_FAILURE = timedelta(seconds=20)
"""Posts with an unusable URL must not make us request it repeatedly."""
MAX_FAILED = 8
"""Number of URLs that failed lately, after which no new one is asked for."""
WAIT_SECONDS = 3.0
"""Time to wait while another thread gets a certificate, in seconds."""

Fetch = Callable[[str], bytes]


def _fetched(url: str) -> bytes:
    """GET a certificate. Raises OutgoingError."""
    answer = outgoing.get(url, most=MAX_CERTIFICATE_BYTES)
    if answer.status != 200:
        raise outgoing.OutgoingError(is_lasting=False)
    return answer.body


@dataclass(frozen=True, slots=True)
class CachedKey:
    """The key of a certificate, when to get it again, and until when to use it if that fails."""

    key: rsa.RSAPublicKey
    fresh_until: datetime
    usable_until: datetime


class Certificates:
    """The public keys of SNS by the URL of their certificate, cached. Thread-safe."""

    def __init__(self, fetch: Fetch = _fetched) -> None:
        self._fetch, self._lock = fetch, threading.Lock()
        self._keys: dict[str, CachedKey] = {}
        self._not_before: dict[str, datetime] = {}
        """URLs that failed, and when they may be tried again."""

    def key(self, url: str, *, now: datetime) -> rsa.RSAPublicKey:
        """Return the key of a certificate. Raises RefusedPostError.

        The status is 503 while the certificate cannot be fetched: SNS then sends again.
        """
        if not _CERTIFICATE_URL.fullmatch(url):
            raise RefusedPostError("webhook.foreign_certificate")
        known = self._keys.get(url)
        if known is not None and now < known.fresh_until:
            return known.key
        is_usable = known is not None and now < known.usable_until
        is_locked = self._lock.acquire(timeout=0 if is_usable else WAIT_SECONDS)
        try:
            if is_locked:
                return self._renewed(url, now)
            raise RefusedPostError("webhook.certificate_unreachable", 503)
        except RefusedPostError:
            if known is None or not is_usable:
                raise
            return known.key
        finally:
            if is_locked:
                self._lock.release()

    def _renewed(self, url: str, now: datetime) -> rsa.RSAPublicKey:
        known = self._keys.get(url)
        if known is not None and now < known.fresh_until:  # another thread was faster
            return known.key
        failed = {one: at for one, at in self._not_before.items() if now < at}
        if url in failed or (known is None and len(failed) >= MAX_FAILED):
            raise RefusedPostError("webhook.certificate_unreachable", 503)
        try:
            key, until = _key_of(self._fetch(url), now)
        except (outgoing.OutgoingError, RefusedPostError) as error:
            self._not_before = {**failed, url: now + PAUSE_AFTER_FAILURE}
            if isinstance(error, RefusedPostError):
                raise
            raise RefusedPostError("webhook.certificate_unreachable", 503) from None
        while len(self._keys) >= MAX_CERTIFICATES:
            self._keys.pop(next(iter(self._keys)), None)
        self._keys[url] = CachedKey(key, min(until, now + FRESH_FOR), min(until, now + USABLE_FOR))
        return key


def _key_of(pem: bytes, now: datetime) -> tuple[rsa.RSAPublicKey, datetime]:
    """Return the key of a certificate and its last day. Raises RefusedPostError."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except ValueError:
        raise RefusedPostError("webhook.foreign_certificate") from None
    until = certificate.not_valid_after_utc
    is_valid = certificate.not_valid_before_utc <= now <= until
    if not isinstance(key, rsa.RSAPublicKey) or not is_valid:
        raise RefusedPostError("webhook.foreign_certificate")
    return key, until


def is_signed(envelope: Mapping[str, Any], certificates: Certificates, *, now: datetime) -> bool:
    """Return whether SNS signed this envelope. Raises RefusedPostError without a certificate."""
    kind = HASHES.get(_text(envelope, "SignatureVersion"))
    try:
        signature = base64.b64decode(_text(envelope, "Signature"), validate=True)
    except (binascii.Error, ValueError):
        return False
    if kind is None or not signature:
        return False
    key = certificates.key(_text(envelope, "SigningCertURL"), now=now)
    try:
        key.verify(signature, signed_text(envelope), padding.PKCS1v15(), kind())
    except InvalidSignature:
        return False
    return True


def signed_text(envelope: Mapping[str, Any]) -> bytes:
    """Return what the signature of an envelope covers. Only a subject may be missing."""
    names = ENVELOPES.get(_text(envelope, "Type"), ())
    lines = [
        f"{name}\n{_text(envelope, name)}\n"
        for name in names
        if name != "Subject" or isinstance(envelope.get(name), str)
    ]
    return "".join(lines).encode("utf-8", "surrogatepass")


def is_confirmation_url(url: str) -> bool:
    """Return whether a URL is one of SNS that confirms a subscription, and does nothing else."""
    return _CONFIRMATION_URL.fullmatch(url) is not None


def _text(envelope: Mapping[str, Any], name: str) -> str:
    value = envelope.get(name)
    return value if isinstance(value, str) else ""
