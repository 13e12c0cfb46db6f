"""Resend's webhooks, signed as Svix does.

https://resend.com/docs/dashboard/webhooks/introduction and
https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from campaigns.events.feedback import MAX_REPLY, Feedback, FeedbackKind
from campaigns.events.webhooks import reading, ses_bounces
from campaigns.events.webhooks.kind import (
    LoginCredentials,
    NoSettings,
    Post,
    RefusedPostError,
    WebhookKind,
    check_age,
)
from campaigns.providers.classify import ReplyClass
from campaigns.providers.fields import AccountField
from campaigns.reason import Reason

WINDOW_SECONDS = 300
"""Svix signs each attempt with its own time."""
_SECONDS = re.compile(r"(\d{1,12})(?:\.\d{1,9})?")

KINDS: Mapping[str, FeedbackKind] = {
    "email.delivered": "delivered",
    "email.delivery_delayed": "deferred",
    "email.bounced": "bounced",
    "email.suppressed": "bounced",  # Resend did not even try
    "email.failed": "bounced",  # a fault of the account or of the message
    "email.complained": "complained",
    "email.opened": "opened",
    "email.clicked": "clicked",
}
"""`email.sent` and `email.scheduled` say nothing about the delivery."""


class ResendCredentials(LoginCredentials):
    """The signing secret of the webhook, which begins with whsec_."""

    signing_secret: str = Field("", repr=False)


class Resend(WebhookKind[NoSettings, ResendCredentials]):
    """See `WebhookKind`."""

    title = "Resend"
    settings = NoSettings
    credentials = ResendCredentials
    fields = (
        AccountField(
            "signing_secret",
            Reason("webhook_form.signing_secret"),
            Reason("webhook_form.resend_secret_hint"),
            placeholder="whsec_…",
            is_required=True,
        ),
    )
    events = (
        "email.delivered",
        "email.delivery_delayed",
        "email.bounced",
        "email.suppressed",
        "email.failed",
        "email.complained",
    )

    def check(self, settings: NoSettings, credentials: ResendCredentials) -> dict[str, Reason]:
        if not _key(credentials.signing_secret):
            return {"signing_secret": Reason("webhook.signing_secret_invalid")}
        return {}

    def _verify(
        self, post: Post, credentials: ResendCredentials, settings: NoSettings, now: datetime
    ) -> str:
        key = _key(credentials.signing_secret)
        if not key:
            raise RefusedPostError("webhook.no_key")
        post_id, signatures = post.header("svix-id"), post.header("svix-signature")
        seconds = _SECONDS.fullmatch(post.header("svix-timestamp"))
        if not post_id or not signatures or seconds is None:
            raise RefusedPostError("webhook.signature_missing")
        head = f"{post_id}.{seconds[1]}.".encode("latin-1", "replace")
        expected = b"v1," + base64.b64encode(hmac.digest(key, head + post.body, "sha256"))
        # Several while a secret is being replaced.
        given = [one.encode("latin-1", "replace") for one in signatures.split(" ")]
        if not any([hmac.compare_digest(expected, one) for one in given]):  # noqa: C419
            raise RefusedPostError("webhook.signature_wrong")
        check_age(int(seconds[1]), now, oldest=WINDOW_SECONDS, ahead=WINDOW_SECONDS, status=403)
        return post_id

    def parse(self, post: Post) -> list[Feedback]:
        post_id = reading.clean(post.header("svix-id"))
        return [
            feedback
            for event in reading.events_of(post.body)
            for feedback in _feedback(event, post_id, post.received_at)
        ]


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _feedback(event: dict[str, Any], post_id: str, received_at: datetime) -> list[Feedback]:
    name, data = reading.clean(event.get("type")), reading.within(event, "data")
    kind = KINDS.get(name, "unknown")
    bounce = reading.within(data, "bounce")
    diagnosis = bounce.get("diagnosticCode")
    reply = reading.first(
        *(diagnosis if isinstance(diagnosis, list) else [diagnosis]),
        bounce.get("message"),
        reading.inside(data, "suppressed", "message"),
        reading.inside(data, "failed", "reason"),
        most=MAX_REPLY,
    )
    status = reading.status_in(reply)
    visit = reading.within(data, "click") or reading.within(data, "open")
    to = data.get("to")
    found = Feedback(
        kind,
        reading.moment(event.get("created_at"), received_at),
        token=reading.token_in(_tag(data), *_header_ids(data)),
        message_ids=reading.message_ids(
            data.get("email_id"), data.get("message_id"), *_header_ids(data)
        ),
        recipient=reading.address(to[0] if isinstance(to, list) and to else to),
        event_id=post_id,
        reply_class=_class_of(name, bounce, reply, status),
        status=status,
        reply=reply,
        url=reading.clean(visit.get("link"), reading.MAX_URL),
        user_agent=reading.clean(visit.get("userAgent")),
        ip=reading.clean(visit.get("ipAddress"), 45),
    )
    if ses_bounces.is_opt_out(reading.clean(bounce.get("subType"))):
        return [found, reading.opted_out(found)]
    return [found]


def _tag(data: dict[str, Any]) -> Any:
    """Return our tag. Resend has posted tags both as an object and as a list of pairs."""
    tags = data.get("tags")
    if isinstance(tags, dict):
        return tags.get("campaigns")
    named = (tag for tag in reading.objects(tags) if tag.get("name") == "campaigns")
    return next(named, {}).get("value")


def _header_ids(data: dict[str, Any]) -> list[Any]:
    return [
        header.get("value")
        for header in reading.objects(data.get("headers"))
        if reading.clean(header.get("name")).lower() == "message-id"
    ]


def _class_of(
    name: str, bounce: dict[str, Any], reply: str, status: str
) -> ReplyClass | Literal[""]:
    if name == "email.delivery_delayed":
        return reading.reply_class(reply, "transient", status=status, is_final=False)
    if name == "email.failed":
        return "sender"
    if name == "email.suppressed":
        return "hard"
    if name != "email.bounced":
        return ""
    kind, subtype = reading.clean(bounce.get("type")), reading.clean(bounce.get("subType"))
    if not kind:  # events from before 2025 have only a sentence
        words = reply.lower()
        kind = "Permanent" if "hard bounce" in words else "Undetermined"
        subtype = "OnAccountSuppressionList" if "suppress" in words else ""
    return ses_bounces.class_of(kind, subtype, reply, status)
