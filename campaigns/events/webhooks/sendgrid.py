"""SendGrid's Event Webhook, signed.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import Field

from campaigns.events.feedback import MAX_REPLY, Feedback, FeedbackKind
from campaigns.events.webhooks import reading
from campaigns.events.webhooks.kind import (
    LoginCredentials,
    NoSettings,
    Post,
    RefusedPostError,
    WebhookKind,
    check_age,
    digest,
)
from campaigns.providers.classify import ReplyClass
from campaigns.providers.fields import AccountField
from campaigns.reason import Reason

OLDEST_SECONDS = 25 * 3600
"""SendGrid retries for 24 hours, and does not say whether it signs again each time."""
AHEAD_SECONDS = 300

KINDS: Mapping[str, FeedbackKind] = {
    "delivered": "delivered",
    "deferred": "deferred",
    "bounce": "bounced",
    "dropped": "bounced",  # SendGrid did not even try, see DROPPED
    "spamreport": "complained",
    "open": "opened",
    "click": "clicked",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
"""`processed`, `group_resubscribe` and account events say nothing about the delivery."""

CLASSIFICATIONS: Mapping[str, ReplyClass] = {
    "invalid address": "hard",
    "mailbox unavailable": "mailbox_full",
    "technical": "transient",
    "content": "content",
    "reputation": "policy",
    "frequency or volume too high": "throttle",
    "unclassified": "refused",
}
"""`bounce_classification`, which SendGrid derives from the reply; the reply counts first."""

DROPPED: Mapping[str, ReplyClass] = {
    "bounced address": "hard",
    "invalid": "hard",
    "spam reporting address": "refused",
    "unsubscribed address": "refused",
    "invalid smtpapi header": "sender",
    "recipient list over package quota": "sender",
    "spam content (if spam checker app enabled)": "content",
    "spam content": "content",
}
OPTED_OUT = frozenset({"spam reporting address", "unsubscribed address"})
"""Reasons of drops by which a recipient once told SendGrid to get no more email."""


class SendGridCredentials(LoginCredentials):
    """The public key that SendGrid shows when signing is switched on."""

    verification_key: str = Field("", repr=False)


class SendGrid(WebhookKind[NoSettings, SendGridCredentials]):
    """See `WebhookKind`."""

    title = "SendGrid"
    settings = NoSettings
    credentials = SendGridCredentials
    fields = (
        AccountField(
            "verification_key",
            Reason("webhook_form.verification_key"),
            Reason("webhook_form.verification_key_hint"),
            is_required=True,
        ),
    )
    events = (
        "Delivered",
        "Deferred",
        "Bounced",
        "Dropped",
        "Spam Reports",
        "Unsubscribed",
        "Group Unsubscribed",
    )

    def check(self, settings: NoSettings, credentials: SendGridCredentials) -> dict[str, Reason]:
        if _key(credentials.verification_key) is None:
            return {"verification_key": Reason("webhook.verification_key_invalid")}
        return {}

    def _verify(
        self, post: Post, credentials: SendGridCredentials, settings: NoSettings, now: datetime
    ) -> str:
        key = _key(credentials.verification_key)
        if key is None:
            raise RefusedPostError("webhook.no_key")
        signature = post.header("x-twilio-email-event-webhook-signature")
        timestamp = post.header("x-twilio-email-event-webhook-timestamp")
        if not signature or not timestamp:
            raise RefusedPostError("webhook.signature_missing")
        # The signature covers the bytes as sent; even the line break at their end counts.
        if not _is_signed(key, signature, timestamp.encode("latin-1", "replace") + post.body):
            raise RefusedPostError("webhook.signature_wrong")
        # A signed time that is not a number can only be from SendGrid. Such a post has no age.
        if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= reading.MAX_DIGITS:
            check_age(int(timestamp), now, oldest=OLDEST_SECONDS, ahead=AHEAD_SECONDS, status=403)
        return digest(post.body)

    def parse(self, post: Post) -> list[Feedback]:
        return [
            feedback
            for event in reading.events_of(post.body)
            for feedback in _feedback(event, post.received_at)
        ]


@lru_cache(maxsize=64)
def _key(pasted: str) -> ec.EllipticCurvePublicKey | None:
    try:
        key = load_der_public_key(base64.b64decode("".join(pasted.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None


def _is_signed(key: ec.EllipticCurvePublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _feedback(event: dict[str, Any], received_at: datetime) -> list[Feedback]:
    name = reading.clean(event.get("event"))
    kind = KINDS.get(name, "unknown")
    reply = reading.first(event.get("reason"), event.get("response"), most=MAX_REPLY)
    status = reading.status_in(event.get("status"), reply)
    at = reading.moment(event.get("timestamp"), received_at)
    # Our metadata and that of others lie next to SendGrid's own names.
    token = reading.token_in(event.get("campaigns"))
    ids = reading.message_ids(event.get("smtp-id"), event.get("sg_message_id"))
    recipient, event_id = reading.clean(event.get("email")), reading.clean(event.get("sg_event_id"))
    found = Feedback(
        kind,
        at,
        token=token,
        message_ids=ids,
        recipient=recipient,
        event_id=event_id,
        reply_class=_class_of(name, event, reply, status),
        status=status,
        reply=reply,
        url=reading.clean(event.get("url"), reading.MAX_URL),
        user_agent=reading.clean(event.get("useragent")),
        ip=reading.clean(event.get("ip"), 45) if kind in ("opened", "clicked") else "",
    )
    if name == "dropped" and reply.lower() in OPTED_OUT:
        return [found, reading.opted_out(found)]
    return [found]


def _class_of(
    name: str, event: dict[str, Any], reply: str, status: str
) -> ReplyClass | Literal[""]:
    if name == "dropped":
        return DROPPED.get(reply.lower(), "refused")
    if name == "deferred":
        return reading.reply_class(reply, "", status=status, is_final=False)
    if name != "bounce":
        return ""
    said = CLASSIFICATIONS.get(reading.clean(event.get("bounce_classification")).lower())
    if said in (None, "refused") and reading.clean(event.get("type")) == "blocked":
        said = "policy"  # SendGrid's word for a refusal that is not about the mailbox
    return reading.reply_class(reply, said or "", status=status)
