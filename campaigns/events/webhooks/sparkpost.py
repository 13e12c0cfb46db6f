"""SparkPost's webhooks: batches of events, with the login that SparkPost asks for.

https://developers.sparkpost.com/api/webhooks/
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from campaigns.events.feedback import MAX_REPLY, Feedback, FeedbackKind
from campaigns.events.webhooks import reading
from campaigns.events.webhooks.kind import LoginCredentials, NoSettings, Post, WebhookKind
from campaigns.providers.classify import ReplyClass

Meaning = tuple[FeedbackKind, ReplyClass | Literal[""]]

KINDS: Mapping[str, FeedbackKind] = {
    "delivery": "delivered",
    "delay": "deferred",
    "bounce": "bounced",
    "out_of_band": "bounced",  # the bounce came later, by email
    "policy_rejection": "bounced",
    "generation_failure": "bounced",
    "generation_rejection": "bounced",
    "spam_complaint": "complained",
    "open": "opened",
    "amp_open": "opened",
    "click": "clicked",
    "amp_click": "clicked",
    "list_unsubscribe": "unsubscribed",
    "link_unsubscribe": "unsubscribed",
}
"""An `initial_open` accompanies the `open` of the same visit, so it does not count."""

TYPES: Mapping[str, ReplyClass] = {
    "policy_rejection": "policy",
    "generation_failure": "content",
    "generation_rejection": "refused",
}
"""What SparkPost itself refused. Nobody's server replied, even if `raw_reason` looks like it."""

BOUNCES: Mapping[str, Meaning] = {
    "1": ("bounced", "refused"),  # undetermined
    "10": ("bounced", "hard"),  # invalid recipient
    "20": ("bounced", "transient"),  # soft bounce
    "21": ("bounced", "transient"),  # DNS failure
    "22": ("bounced", "mailbox_full"),
    "23": ("bounced", "content"),  # too large
    "24": ("bounced", "transient"),  # timeout
    "25": ("bounced", "sender"),  # configured by the account's administrator
    "26": ("bounced", "refused"),  # smart send suppression
    "30": ("bounced", "hard"),  # no recipient
    "40": ("bounced", "refused"),  # generic
    "50": ("bounced", "policy"),  # mail block
    "51": ("bounced", "policy"),  # spam block
    "52": ("bounced", "content"),  # spam content
    "53": ("bounced", "content"),  # prohibited attachment
    "54": ("bounced", "refused"),  # relaying denied
    "60": ("auto_reply", ""),
    "70": ("deferred", "transient"),
    "80": ("unknown", ""),  # a subscribe request
    "90": ("unsubscribed", ""),
    "100": ("auto_reply", ""),  # challenge and response
}
"""`bounce_class`."""


class SparkPost(WebhookKind[NoSettings, LoginCredentials]):
    """See `WebhookKind`."""

    title = "SparkPost"
    settings = NoSettings
    credentials = LoginCredentials
    events = (
        "Delivery",
        "Delay",
        "Bounce",
        "Out of Band",
        "Policy Rejection",
        "Generation Failure",
        "Generation Rejection",
        "Spam Complaint",
        "List Unsubscribe",
        "Link Unsubscribe",
    )

    def needs_login(self, settings: NoSettings) -> bool:
        return True

    def parse(self, post: Post) -> list[Feedback]:
        """Return the events. SparkPost tests an endpoint with an empty one, which is left out."""
        events = (_event(one) for one in reading.events_of(post.body))
        return [_feedback(event, post.received_at) for event in events if event is not None]


def _event(batched: dict[str, Any]) -> dict[str, Any] | None:
    """Return the event, whose group is its only key: message_event, track_event, gen_event ..."""
    groups = batched.get("msys", {"": {}})
    if groups == {}:
        return None
    found = next(iter(groups.values())) if isinstance(groups, dict) else None
    return found if isinstance(found, dict) else {}


def _meaning(name: str, number: str) -> Meaning:
    if name in ("bounce", "out_of_band"):
        return BOUNCES.get(number, ("bounced", ""))
    if name == "delay":
        return "deferred", BOUNCES.get(number, ("deferred", ""))[1]
    return KINDS.get(name, "unknown"), TYPES.get(name, "")


def _feedback(event: dict[str, Any], received_at: datetime) -> Feedback:
    name, number = reading.clean(event.get("type")), reading.clean(event.get("bounce_class"))
    kind, said = _meaning(name, number)
    # `reason` is shortened so that equal ones group together.
    reply = reading.first(event.get("raw_reason"), event.get("reason"), most=MAX_REPLY)
    code = event.get("error_code")
    if kind not in ("bounced", "deferred"):
        said = ""
    elif name not in TYPES:
        said = reading.reply_class(reply, said, code=code, is_final=kind == "bounced")
    return Feedback(
        kind,
        reading.moment(event.get("timestamp"), received_at),
        token=reading.token_in(reading.inside(event, "rcpt_meta", "campaigns")),
        message_ids=reading.message_ids(event.get("transmission_id"), event.get("message_id")),
        recipient=reading.first(event.get("raw_rcpt_to"), event.get("rcpt_to")),
        event_id=reading.clean(event.get("event_id")),
        reply_class=said,
        status=reading.status_in(reply),
        reply=reply,
        feedback_type=reading.clean(event.get("fbtype"), 40).lower(),
        url=reading.clean(event.get("target_link_url"), reading.MAX_URL),
        user_agent=reading.clean(event.get("user_agent")),
        ip=reading.clean(event.get("ip_address"), 45) if kind in ("opened", "clicked") else "",
    )
