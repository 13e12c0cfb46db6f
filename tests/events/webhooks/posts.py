"""Posts as providers sign them, with keys of our own."""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from campaigns.events.webhooks.amazon_ses import AmazonSes, AmazonSesSettings
from campaigns.events.webhooks.kind import LoginCredentials, NoSettings, Post
from campaigns.events.webhooks.mailgun import MailgunCredentials
from campaigns.events.webhooks.resend import ResendCredentials
from campaigns.events.webhooks.sendgrid import SendGridCredentials
from campaigns.events.webhooks.sns import HASHES, Certificates, signed_text

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TOKEN = "abcdefghijklmnopqrstuvwxyz234567abcdefg"  # 39 digits, like a delivery token
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0f1e2d3c.pem"
CONFIRM_URL = (
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    f"&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425e"
)
LOGIN = LoginCredentials(username="campaigns", password="correct-horse")
MAILGUN_KEY = "key-of-our-own"
RESEND_SECRET = "whsec_" + base64.b64encode(b"a secret of our own").decode()
NONE = NoSettings()


def post(body: Any, headers: Mapping[str, str] | None = None, *, at: datetime = NOW) -> Post:
    """Return a post; anything but bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    usual = {"content-type": "application/json"}
    return Post({**usual, **(headers or {})}, raw, at)


def basic(username: str = LOGIN.username, password: str = LOGIN.password) -> dict[str, str]:
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


# --- SendGrid -----------------------------------------------------------------------------------


@cache
def sendgrid_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def sendgrid_credentials() -> SendGridCredentials:
    public = sendgrid_key().public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SendGridCredentials(verification_key=base64.b64encode(der).decode())


def by_sendgrid(body: Any, *, at: datetime = NOW, timestamp: str = "") -> Post:
    found = post(body, at=at)
    signed_at = timestamp or str(int(at.timestamp()))
    signature = sendgrid_key().sign(signed_at.encode() + found.body, ec.ECDSA(hashes.SHA256()))
    signed = {
        "x-twilio-email-event-webhook-timestamp": signed_at,
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
    }
    return Post({**found.headers, **signed}, found.body, at)


# --- Mailgun ------------------------------------------------------------------------------------

MAILGUN = MailgunCredentials(signing_key=MAILGUN_KEY)


def mailgun_signature(*, at: datetime = NOW, token: str = "0a1b2c3d") -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    signature = hmac.digest(MAILGUN_KEY.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
    return {"timestamp": timestamp, "token": token, "signature": signature}


def by_mailgun(event: Any, *, at: datetime = NOW, token: str = "0a1b2c3d") -> Post:
    signature = mailgun_signature(at=at, token=token)
    return post({"signature": signature, "event-data": event}, at=at)


# --- Resend -------------------------------------------------------------------------------------

RESEND = ResendCredentials(signing_secret=RESEND_SECRET)


def by_resend(body: Any, *, at: datetime = NOW, post_id: str = "msg_1") -> Post:
    found, timestamp = post(body, at=at), str(int(at.timestamp()))
    signed = f"{post_id}.{timestamp}.".encode() + found.body
    signature = base64.b64encode(hmac.digest(b"a secret of our own", signed, "sha256")).decode()
    headers = {
        "svix-id": post_id,
        "svix-timestamp": timestamp,
        "svix-signature": f"v1,{'A' * 43}= v1,{signature}",
    }
    return Post({**found.headers, **headers}, found.body, at)


# --- Amazon SES ---------------------------------------------------------------------------------

SES = AmazonSesSettings(topic_arn=TOPIC)


@cache
def sns_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def certificate(*, since: datetime = NOW - timedelta(days=30), days: int = 365) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(sns_key().public_key())
        .serial_number(1)
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=days))
    )
    return built.sign(sns_key(), hashes.SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    """SNS's certificates; counts the requests."""

    def __init__(self, pem: bytes | Exception | None = None) -> None:
        self.pem = certificate() if pem is None else pem
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.pem, Exception):
            raise self.pem
        return self.pem


def amazon_ses(amazon: Amazon | None = None) -> AmazonSes:
    return AmazonSes(Certificates(amazon or Amazon()))


def envelope(message: Any, *, at: datetime = NOW, version: str = "2", **other: str) -> Post:
    """Return a signed envelope of SNS around a message."""
    fields = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **other,
    }
    return post(sign(fields), {"content-type": "text/plain; charset=UTF-8"}, at=at)


def sign(fields: Mapping[str, str]) -> dict[str, str]:
    kind = HASHES[fields["SignatureVersion"]]()
    signature = sns_key().sign(signed_text(fields), padding.PKCS1v15(), kind)
    return {**fields, "Signature": base64.b64encode(signature).decode()}


def subscription(url: str = CONFIRM_URL) -> Post:
    return envelope(
        "You have chosen to subscribe to the topic.",
        Type="SubscriptionConfirmation",
        Token="2336412f37fb687f5d51e6e2425e",
        SubscribeURL=url,
    )
