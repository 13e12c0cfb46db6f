"""Mailgun's webhooks: JSON, and the forms that accounts from before 2018 still post.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

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
    check_size,
    signing_secret,
)
from campaigns.providers.classify import ReplyClass
from campaigns.providers.fields import AccountField
from campaigns.reason import Reason

OLDEST_SECONDS = 12 * 3600
"""Mailgun retries for eight hours."""
AHEAD_SECONDS = 300
NEVER_AGAIN = 406
"""The status after which Mailgun does not try again."""

KINDS: Mapping[str, FeedbackKind] = {
    "delivered": "delivered",
    "failed": "bounced",  # if its severity is permanent
    "rejected": "bounced",  # by Mailgun, before any attempt
    "bounced": "bounced",  # only in forms, like `dropped`
    "dropped": "bounced",
    "complained": "complained",
    "opened": "opened",
    "clicked": "clicked",
    "unsubscribed": "unsubscribed",
}
"""`accepted` and `stored` say nothing about the delivery."""

REASONS: Mapping[str, ReplyClass] = {
    "suppress-bounce": "hard",
    "suppress-complaint": "refused",
    "suppress-unsubscribe": "refused",
    "bounce": "hard",
    "hardfail": "hard",
    "old": "transient",  # not delivered in time
    "greylisted": "transient",
    "espblock": "policy",
    "generic": "refused",
}
"""`reason`. The server's reply counts first, except for suppressions, which have none."""

CODES: Mapping[str, str] = {
    "602": "old",
    "605": "suppress-bounce",
    "606": "suppress-unsubscribe",
    "607": "suppress-complaint",
}
"""Mailgun's own codes, which forms have in place of a reason. None of them is an SMTP code."""
OPTED_OUT = frozenset({"suppress-unsubscribe", "suppress-complaint"})


class MailgunCredentials(LoginCredentials):
    """The HTTP webhook signing key of the account."""

    signing_key: str = Field("", repr=False)


class Mailgun(WebhookKind[NoSettings, MailgunCredentials]):
    """See `WebhookKind`."""

    title = "Mailgun"
    settings = NoSettings
    credentials = MailgunCredentials
    fields = (
        AccountField(
            "signing_key",
            Reason("webhook_form.signing_key"),
            Reason("webhook_form.mailgun_key_hint"),
            is_required=True,
        ),
    )
    status_of_repeated = NEVER_AGAIN
    events = (
        "Delivered Messages",
        "Permanent Failure",
        "Temporary Failure",
        "Spam Complaints",
        "Unsubscribes",
    )

    def check(self, settings: NoSettings, credentials: MailgunCredentials) -> dict[str, Reason]:
        if not credentials.signing_key.strip():
            return {"signing_key": Reason("webhook.key_missing")}
        return {}

    def _verify(
        self, post: Post, credentials: MailgunCredentials, settings: NoSettings, now: datetime
    ) -> str:
        """Check the signature, which covers a time and a token, but not what is reported.

        So a signature is good for one post: the token identifies it, and is remembered for longer
        than the signature is accepted.
        """
        key = signing_secret(credentials.signing_key)
        check_size(post)
        try:
            signed = _signature_of(post)
        except reading.UnreadablePostError:
            raise RefusedPostError("webhook.signature_missing") from None
        timestamp, token, signature = (
            reading.clean(signed.get(name)) for name in ("timestamp", "token", "signature")
        )
        if not (timestamp and token and signature):
            raise RefusedPostError("webhook.signature_missing")
        expected = hmac.digest(key, f"{timestamp}{token}".encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise RefusedPostError("webhook.signature_wrong")
        if not (timestamp.isascii() and timestamp.isdigit()):
            raise RefusedPostError("webhook.too_old", NEVER_AGAIN)
        check_age(
            int(timestamp[: reading.MAX_DIGITS]),
            now,
            oldest=OLDEST_SECONDS,
            ahead=AHEAD_SECONDS,
            status=NEVER_AGAIN,
        )
        return token

    def parse(self, post: Post) -> list[Feedback]:
        if not _is_form(post):
            body = reading.events_of(post.body)
            return [one for event in body for one in _of_json(event, post.received_at)]
        return _of_form(_form(post), post.received_at)


def _is_form(post: Post) -> bool:
    return "json" not in post.header("content-type") and post.body.lstrip()[:1] != b"{"


def _form(post: Post) -> dict[str, str]:
    return reading.form_of(post.body, post.header("content-type"))


def _signature_of(post: Post) -> Mapping[str, Any]:
    if _is_form(post):
        return _form(post)
    return reading.within(reading.parsed_json(post.body), "signature")


def _of_json(post: dict[str, Any], received_at: datetime) -> list[Feedback]:
    event, signature = reading.within(post, "event-data"), reading.within(post, "signature")
    name, severity = reading.clean(event.get("event")), reading.clean(event.get("severity"))
    kind = KINDS.get(name, "unknown")
    if name == "failed" and severity == "temporary":
        kind = "deferred"
    status = reading.within(event, "delivery-status")
    reply = reading.first(
        status.get("message"),
        status.get("description"),
        reading.inside(event, "reject", "reason"),
        most=MAX_REPLY,
    )
    reason = reading.clean(event.get("reason"))
    client = reading.within(event, "client-info")
    found = Feedback(
        kind,
        reading.moment(event.get("timestamp"), received_at),
        token=reading.token_in(reading.inside(event, "user-variables", "campaigns")),
        message_ids=reading.message_ids(reading.inside(event, "message", "headers", "message-id")),
        recipient=reading.clean(event.get("recipient")),
        # Up to three URLs get the same event, each with its own token.
        event_id=reading.first(event.get("id"), signature.get("token")),
        reply_class=_class_of(kind, reason, reply, status.get("code")),
        status=reading.status_in(status.get("enhanced-code"), reply) if reply else "",
        reply=reply,
        url=reading.clean(event.get("url"), reading.MAX_URL),
        user_agent=reading.clean(client.get("user-agent")),
        ip=reading.clean(event.get("ip"), 45),
    )
    return _with_opt_out(found, reason)


def _of_form(form: dict[str, str], received_at: datetime) -> list[Feedback]:
    kind = KINDS.get(reading.clean(form.get("event")), "unknown")
    code = reading.clean(form.get("code"))
    reason = CODES.get(code, reading.clean(form.get("reason")))
    reply = reading.first(
        form.get("error"), form.get("description"), form.get("notification"), most=MAX_REPLY
    )
    found = Feedback(
        kind,
        reading.moment(form.get("timestamp"), received_at),
        token=reading.token_in(form.get("campaigns")),
        # Spelled differently by the events of forms.
        message_ids=reading.message_ids(form.get("Message-Id"), form.get("message-id")),
        recipient=reading.clean(form.get("recipient")),
        event_id=reading.clean(form.get("token")),
        reply_class=_class_of(kind, reason, reply, code),
        status=reading.status_in(reply),
        reply=reply,
        url=reading.clean(form.get("url"), reading.MAX_URL),
        user_agent=reading.clean(form.get("user-agent")),
        ip=reading.clean(form.get("ip"), 45),
    )
    return _with_opt_out(found, reason)


def _with_opt_out(found: Feedback, reason: str) -> list[Feedback]:
    if found.kind == "bounced" and reason in OPTED_OUT:
        return [found, reading.opted_out(found)]
    return [found]


def _class_of(kind: FeedbackKind, reason: str, reply: str, code: Any) -> ReplyClass | Literal[""]:
    if kind not in ("bounced", "deferred"):
        return ""
    said = REASONS.get(reason, "refused" if kind == "bounced" else "transient")
    if reason.startswith("suppress-"):
        return said
    return reading.reply_class(reply, said, code=code, is_final=kind == "bounced")
