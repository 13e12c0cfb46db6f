"""Postmark's webhooks: one event in each post, authenticated by the login in the URL.

https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from campaigns.events.feedback import MAX_REPLY, Feedback, FeedbackKind
from campaigns.events.webhooks import reading
from campaigns.events.webhooks.kind import LoginCredentials, NoSettings, Post, WebhookKind
from campaigns.providers.classify import ReplyClass

Meaning = tuple[FeedbackKind, ReplyClass | Literal[""]]

RECORDS: Mapping[str, FeedbackKind] = {
    "Delivery": "delivered",
    "Bounce": "bounced",  # see TYPES
    "SpamComplaint": "complained",
    "Open": "opened",
    "Click": "clicked",
    "SubscriptionChange": "unsubscribed",  # see SUPPRESSIONS
}

TYPES: Mapping[str, Meaning] = {
    "HardBounce": ("bounced", "hard"),
    "Transient": ("deferred", "transient"),  # Postmark still tries
    "Unsubscribe": ("unsubscribed", ""),
    "Subscribe": ("unknown", ""),
    "AutoResponder": ("auto_reply", ""),
    "AddressChange": ("auto_reply", ""),
    "DnsError": ("bounced", "transient"),
    "SpamNotification": ("bounced", "content"),
    "OpenRelayTest": ("auto_reply", ""),
    "Unknown": ("bounced", "refused"),
    "SoftBounce": ("bounced", "transient"),
    "VirusNotification": ("bounced", "content"),
    "ChallengeVerification": ("auto_reply", ""),
    "BadEmailAddress": ("bounced", "hard"),
    "SpamComplaint": ("complained", ""),
    "ManuallyDeactivated": ("bounced", "refused"),
    "Unconfirmed": ("bounced", "refused"),
    "Blocked": ("bounced", "policy"),
    "SMTPApiError": ("bounced", "sender"),
    "InboundError": ("unknown", ""),
    "DMARCPolicy": ("bounced", "policy"),
    "TemplateRenderingFailed": ("bounced", "content"),
}
"""`Type` of a bounce. Many of them are not bounces: Postmark reports automatic replies as such."""

CODES: Mapping[str, str] = {
    "1": "HardBounce",
    "2": "Transient",
    "16": "Unsubscribe",
    "32": "Subscribe",
    "64": "AutoResponder",
    "128": "AddressChange",
    "256": "DnsError",
    "512": "SpamNotification",
    "1024": "OpenRelayTest",
    "2048": "Unknown",
    "4096": "SoftBounce",
    "8192": "VirusNotification",
    "16384": "ChallengeVerification",
    "100000": "BadEmailAddress",
    "100001": "SpamComplaint",
    "100002": "ManuallyDeactivated",
    "100003": "Unconfirmed",
    "100006": "Blocked",
    "100007": "SMTPApiError",
    "100008": "InboundError",
    "100009": "DMARCPolicy",
    "100010": "TemplateRenderingFailed",
}
"""`TypeCode`. The name counts first: complaints come with 512 as well as 100001."""

SUPPRESSIONS: Mapping[str, Meaning] = {
    "HardBounce": ("bounced", "hard"),
    "SpamComplaint": ("complained", ""),
    "ManualSuppression": ("unsubscribed", ""),
}
"""`SuppressionReason`, if `SuppressSending` is set; otherwise a suppression was lifted."""


class Postmark(WebhookKind[NoSettings, LoginCredentials]):
    """See `WebhookKind`."""

    title = "Postmark"
    settings = NoSettings
    credentials = LoginCredentials
    events = ("Delivery", "Bounce", "Spam complaint", "Subscription change")

    def needs_login(self, settings: NoSettings) -> bool:
        return True

    def parse(self, post: Post) -> list[Feedback]:
        return [_feedback(event, post.received_at) for event in reading.events_of(post.body)]


def _meaning(event: dict[str, Any]) -> Meaning:
    record = reading.clean(event.get("RecordType"))
    if record == "Bounce":
        name = reading.clean(event.get("Type"))
        code = CODES.get(reading.clean(event.get("TypeCode")), "")
        return TYPES.get(name) or TYPES.get(code) or ("bounced", "")
    if record == "SubscriptionChange":
        if event.get("SuppressSending") is not True:
            return "unknown", ""
        return SUPPRESSIONS.get(reading.clean(event.get("SuppressionReason")), ("unsubscribed", ""))
    return RECORDS.get(record, "unknown"), ""


def _feedback(event: dict[str, Any], received_at: datetime) -> Feedback:
    kind, said = _meaning(event)
    reply = reading.first(event.get("Details"), event.get("Description"), most=MAX_REPLY)
    times = ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")
    return Feedback(
        kind,
        reading.moment(reading.first(*map(event.get, times)), received_at),
        token=reading.token_in(reading.inside(event, "Metadata", "campaigns")),
        message_ids=reading.message_ids(event.get("MessageID")),
        recipient=reading.first(event.get("Recipient"), event.get("Email")),
        event_id=reading.clean(event.get("ID")),  # only bounces and complaints have one
        reply_class=_class_of(kind, said, reply),
        status=reading.status_in(reply),
        reply=reply,
        url=reading.clean(event.get("OriginalLink"), reading.MAX_URL),
        user_agent=reading.clean(event.get("UserAgent")),
        ip=reading.clean(reading.inside(event, "Geo", "IP"), 45),
    )


def _class_of(
    kind: FeedbackKind, said: ReplyClass | Literal[""], reply: str
) -> ReplyClass | Literal[""]:
    if kind not in ("bounced", "deferred"):
        return ""
    return reading.reply_class(reply, said, is_final=kind == "bounced")
