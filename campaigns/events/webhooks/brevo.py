"""Brevo's transactional webhooks: one event in each post, with the login in the URL.

https://developers.brevo.com/docs/transactional-webhooks
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from campaigns.events.feedback import MAX_REPLY, Feedback, FeedbackKind
from campaigns.events.webhooks import reading
from campaigns.events.webhooks.kind import LoginCredentials, NoSettings, Post, WebhookKind
from campaigns.providers.classify import ReplyClass

KINDS: Mapping[str, FeedbackKind] = {
    "delivered": "delivered",
    "deferred": "deferred",
    "soft_bounce": "bounced",
    "hard_bounce": "bounced",
    "invalid_email": "bounced",
    "blocked": "bounced",  # Brevo did not even try
    "error": "bounced",  # the same
    "spam": "complained",
    "complaint": "complained",
    "opened": "opened",
    "unique_opened": "opened",
    "proxy_open": "opened",  # loaded by a program that hides who opens
    "unique_proxy_open": "opened",
    "click": "clicked",
    "unsubscribe": "unsubscribed",
    "unsubscribed": "unsubscribed",
}
"""`request` says nothing about the delivery."""

CLASSES: Mapping[str, ReplyClass] = {
    "deferred": "transient",
    "soft_bounce": "transient",
    "hard_bounce": "hard",
    "invalid_email": "hard",
    "blocked": "refused",  # bounced, complained or unsubscribed before: Brevo does not say which
    "error": "refused",
}


class Brevo(WebhookKind[NoSettings, LoginCredentials]):
    """See `WebhookKind`."""

    title = "Brevo"
    settings = NoSettings
    credentials = LoginCredentials
    events = (
        "Delivered",
        "Deferred",
        "Soft bounce",
        "Hard bounce",
        "Invalid email",
        "Blocked",
        "Error",
        "Complaint",
        "Unsubscribed",
    )

    def needs_login(self, settings: NoSettings) -> bool:
        return True

    def parse(self, post: Post) -> list[Feedback]:
        return [_feedback(event, post.received_at) for event in reading.events_of(post.body)]


def _feedback(event: dict[str, Any], received_at: datetime) -> Feedback:
    name = reading.clean(event.get("event"))
    kind = KINDS.get(name, "unknown")
    reply = reading.clean(event.get("reason"), MAX_REPLY)
    # `date` is in the account's time zone, and `ts` is that of the sending.
    time = reading.first(event.get("ts_epoch"), event.get("ts_event"))
    return Feedback(
        kind,
        reading.moment(time, received_at),
        token=reading.token_in(event.get("X-Mailin-custom")),
        message_ids=reading.message_ids(event.get("message-id")),
        recipient=reading.clean(event.get("email")),
        # There is no id of the event: `id` is that of the webhook.
        reply_class=_class_of(name, reply),
        status=reading.status_in(reply),
        reply=reply,
        url=reading.clean(event.get("link"), reading.MAX_URL),
        user_agent=reading.clean(event.get("user_agent")),
        ip=reading.clean(event.get("ip"), 45),
    )


def _class_of(name: str, reply: str) -> ReplyClass | Literal[""]:
    said = CLASSES.get(name)
    if said is None:
        return ""
    return reading.reply_class(reply, said, is_final=name != "deferred")
