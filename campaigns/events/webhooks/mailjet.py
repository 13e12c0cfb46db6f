"""Mailjet's event API: single events, or groups of them, with the login in the URL.

https://dev.mailjet.com/email/guides/webhooks/
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from campaigns.events.feedback import MAX_REPLY, Feedback, FeedbackKind
from campaigns.events.webhooks import reading
from campaigns.events.webhooks.kind import LoginCredentials, NoSettings, Post, WebhookKind
from campaigns.providers.classify import ReplyClass

KINDS: Mapping[str, FeedbackKind] = {
    "sent": "delivered",  # the recipient's server took it
    "bounce": "bounced",
    "blocked": "bounced",  # Mailjet did not even try
    "spam": "complained",
    "unsub": "unsubscribed",
    "open": "opened",
    "click": "clicked",
}

ERRORS: Mapping[str, ReplyClass] = {
    # about the recipient
    "user unknown": "hard",
    "mailbox inactive": "disabled",
    "quota exceeded": "mailbox_full",
    "blacklisted": "refused",
    "spam reporter": "refused",
    # about the domain
    "invalid domain": "hard",
    "no mail host": "hard",
    "relay/access denied": "refused",
    "greylisted": "transient",
    "typofix": "hard",
    # about the content
    "bad or empty template": "content",
    "error in template language": "content",
    # seen as spam
    "sender blocked": "policy",
    "content blocked": "content",
    "policy issue": "policy",
    # about servers
    "system issue": "transient",
    "protocol issue": "transient",
    "connection issue": "transient",
    # Mailjet's own
    "preblocked": "hard",  # bounced before
    "duplicate in campaign": "refused",
}
"""`error`, grouped by `error_related_to`, which says nothing more."""
RELATED: Mapping[str, ReplyClass] = {"content": "content", "spam": "policy", "system": "transient"}
"""`error_related_to`, for an error that is not in the list."""


class Mailjet(WebhookKind[NoSettings, LoginCredentials]):
    """See `WebhookKind`."""

    title = "Mailjet"
    settings = NoSettings
    credentials = LoginCredentials
    events = ("sent", "bounce", "blocked", "spam", "unsub")

    def needs_login(self, settings: NoSettings) -> bool:
        return True

    def parse(self, post: Post) -> list[Feedback]:
        return [
            feedback
            for event in reading.events_of(post.body)
            for feedback in _feedback(event, post.received_at)
        ]


def _feedback(event: dict[str, Any], received_at: datetime) -> list[Feedback]:
    error = reading.clean(event.get("error")).lower()
    kind = KINDS.get(reading.clean(event.get("event")), "unknown")
    if kind == "bounced" and error == "greylisted":
        kind = "deferred"  # Mailjet calls it a bounce, and tries again
    reply = reading.first(
        event.get("smtp_reply"), event.get("comment"), event.get("error"), most=MAX_REPLY
    )
    found = Feedback(
        kind,
        reading.moment(event.get("time"), received_at),
        token=reading.token_in(event.get("CustomID"), event.get("Payload")),
        message_ids=reading.message_ids(event.get("MessageID"), event.get("Message_GUID")),
        recipient=reading.clean(event.get("email")),
        reply_class=_class_of(kind, event, error, reply),
        status=reading.status_in(reply),
        reply=reply,
        url=reading.clean(event.get("url"), reading.MAX_URL),
        user_agent=reading.clean(event.get("agent")),
        ip=reading.clean(event.get("ip"), 45),
    )
    return [found, reading.opted_out(found)] if error == "spam reporter" else [found]


def _class_of(
    kind: FeedbackKind, event: dict[str, Any], error: str, reply: str
) -> ReplyClass | Literal[""]:
    if kind not in ("bounced", "deferred"):
        return ""
    is_hard = event.get("hard_bounce") is True
    related = RELATED.get(reading.clean(event.get("error_related_to")).lower())
    said = ERRORS.get(error) or related or ("hard" if is_hard else "transient")
    return reading.reply_class(reply, said, is_final=kind == "bounced")
