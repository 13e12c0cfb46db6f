"""Amazon SES, by way of SNS: an envelope signed by SNS, whose message is SES's JSON.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html and
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from campaigns.events.feedback import MAX_REPLY, Feedback, FeedbackKind
from campaigns.events.webhooks import reading, ses_bounces
from campaigns.events.webhooks.kind import (
    LoginCredentials,
    Post,
    RefusedPostError,
    WebhookKind,
    check_age,
    check_size,
    digest,
)
from campaigns.events.webhooks.sns import (
    ENVELOPES,
    Certificates,
    is_confirmation_url,
    is_signed,
)
from campaigns.providers.classify import ReplyClass
from campaigns.providers.fields import AccountField
from campaigns.providers.kind import KindModel, refusal
from campaigns.reason import Reason

OLDEST_SECONDS = 24 * 3600
"""SNS retries for an hour at most."""
_TOPIC = re.compile(r"arn:aws[a-z-]{0,20}:sns:[a-z0-9-]{1,30}:\d{12}:[A-Za-z0-9_.-]{1,256}")

KINDS: Mapping[str, FeedbackKind] = {
    "Delivery": "delivered",
    "DeliveryDelay": "deferred",
    "Bounce": "bounced",
    "Reject": "bounced",  # SES found a virus
    "Rendering Failure": "bounced",
    "Complaint": "complained",
    "Open": "opened",
    "Click": "clicked",
    "Subscription": "unsubscribed",
}
"""`Send` says nothing about the delivery."""

DETAILS: Mapping[str, tuple[str, str]] = {
    "Delivery": ("delivery", "recipients"),
    "DeliveryDelay": ("deliveryDelay", "delayedRecipients"),
    "Bounce": ("bounce", "bouncedRecipients"),
    "Reject": ("reject", ""),
    "Rendering Failure": ("failure", ""),
    "Complaint": ("complaint", "complainedRecipients"),
    "Open": ("open", ""),
    "Click": ("click", ""),
    "Subscription": ("subscription", ""),
}
"""Where an event has its details, and in them the recipients it concerns."""

DELAYS: Mapping[str, ReplyClass] = {
    "MailboxFull": "mailbox_full",
    "SpamDetected": "throttle",
    "SendingDeferral": "throttle",
    "IPFailure": "throttle",
}
"""`delayType`. The others are temporary problems without consequences."""


def _topic(text: str) -> str:
    arn = text.strip()
    if arn and not _TOPIC.fullmatch(arn):
        raise refusal("webhook.topic_invalid")
    return arn


class AmazonSesSettings(KindModel):
    """Which topic may post here, and in which form."""

    topic_arn: Annotated[str, AfterValidator(_topic)] = ""
    raw_delivery: bool = False
    """The subscription delivers raw messages, without the envelope and so without a signature."""


class AmazonSes(WebhookKind[AmazonSesSettings, LoginCredentials]):
    """See `WebhookKind`."""

    title = "Amazon SES"
    settings = AmazonSesSettings
    credentials = LoginCredentials
    fields = (
        AccountField(
            "topic_arn",
            Reason("webhook_form.topic_arn"),
            Reason("webhook_form.topic_arn_hint"),
            placeholder="arn:aws:sns:eu-west-1:123456789012:ses-events",
            is_required=True,
        ),
        AccountField(
            "raw_delivery",
            Reason("webhook_form.raw_delivery"),
            Reason("webhook_form.raw_delivery_hint"),
        ),
    )
    events = (
        "Hard bounces",
        "Complaints",
        "Deliveries",
        "Delivery delays",
        "Rejects",
        "Rendering failures",
        "Subscriptions",
    )

    def __init__(self, certificates: Certificates | None = None) -> None:
        self._certificates = certificates or Certificates()

    def needs_login(self, settings: AmazonSesSettings) -> bool:
        return settings.raw_delivery

    def check(
        self, settings: AmazonSesSettings, credentials: LoginCredentials
    ) -> dict[str, Reason]:
        return {} if settings.topic_arn else {"topic_arn": Reason("webhook.topic_missing")}

    def _verify(
        self, post: Post, credentials: LoginCredentials, settings: AmazonSesSettings, now: datetime
    ) -> str:
        if not settings.topic_arn:
            raise RefusedPostError("webhook.no_topic")
        check_size(post)
        envelope = _envelope(post)
        if envelope is None:
            # Whoever knows the login of the URL may post raw messages; nothing else protects them.
            if not settings.raw_delivery:
                raise RefusedPostError("webhook.raw_delivery")
            if post.header("x-amz-sns-topic-arn") not in ("", settings.topic_arn):
                raise RefusedPostError("webhook.foreign_topic")
            return digest(post.body)
        if envelope.get("TopicArn") != settings.topic_arn:
            raise RefusedPostError("webhook.foreign_topic")
        if not is_signed(envelope, self._certificates, now=now):
            raise RefusedPostError("webhook.signature_wrong")
        published_at = reading.moment(envelope.get("Timestamp"), now).timestamp()
        check_age(published_at, now, oldest=OLDEST_SECONDS, ahead=0, status=403)
        if _is_offer(envelope) and not is_confirmation_url(_text(envelope.get("SubscribeURL"))):
            raise RefusedPostError("webhook.foreign_url")
        return reading.clean(envelope.get("MessageId")) or digest(post.body)

    def confirmation_url(self, post: Post) -> str:
        """Return the URL that confirms the subscription. `verify` has checked the topic and it."""
        envelope = _envelope(post) or {}
        url = _text(envelope.get("SubscribeURL"))
        return url if _is_offer(envelope) and is_confirmation_url(url) else ""

    def parse(self, post: Post) -> list[Feedback]:
        envelope = _envelope(post)
        if envelope is None:
            raw = reading.events_of(post.body)
            return [one for event in raw for one in _feedback(event, "", None, post.received_at)]
        if envelope.get("Type") != "Notification":
            return []
        try:
            message = reading.parsed_json(_text(envelope.get("Message")))
        except reading.UnreadablePostError:
            return []  # SES tests a topic with a sentence
        event = message if isinstance(message, dict) else {}
        event_id = reading.clean(envelope.get("MessageId"))
        return _feedback(event, event_id, envelope.get("Timestamp"), post.received_at)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _envelope(post: Post) -> dict[str, Any] | None:
    """Return the envelope of SNS, None if there is none. The content type is always text/plain."""
    try:
        found = reading.parsed_json(post.body)
    except reading.UnreadablePostError:
        return None
    is_envelope = isinstance(found, dict) and _text(found.get("Type")) in ENVELOPES
    return found if is_envelope else None


def _is_offer(envelope: Mapping[str, Any]) -> bool:
    return envelope.get("Type") == "SubscriptionConfirmation"


def _feedback(
    event: dict[str, Any], event_id: str, published: Any, received_at: datetime
) -> list[Feedback]:
    """Return what an event says about each of its recipients."""
    if not event:
        return []
    # Topics of an identity say notificationType, those of a configuration set eventType.
    name = reading.first(event.get("eventType"), event.get("notificationType"))
    place, recipients = DETAILS.get(name, ("", ""))
    mail, details = reading.within(event, "mail"), reading.within(event, place)
    common = Feedback(
        "unknown" if _is_opt_in(details) else KINDS.get(name, "unknown"),
        reading.moment(published or details.get("timestamp"), received_at),
        token=_token(mail),
        message_ids=reading.message_ids(
            mail.get("messageId"), reading.inside(mail, "commonHeaders", "messageId")
        ),
        event_id=event_id or reading.clean(details.get("feedbackId")),
        feedback_type=reading.clean(details.get("complaintFeedbackType"), 40).lower(),
        url=reading.clean(details.get("link"), reading.MAX_URL),
        user_agent=reading.clean(details.get("userAgent")),
        ip=reading.clean(details.get("ipAddress"), 45),
    )
    named = details.get(recipients) or mail.get("destination")
    found = [
        _of_recipient(common, name, details, one)
        for one in (named if isinstance(named, list) and named else [{}])
    ]
    return [one for feedback in found for one in _with_opt_out(feedback, details)]


def _of_recipient(common: Feedback, name: str, details: dict[str, Any], named: Any) -> Feedback:
    about = named if isinstance(named, dict) else {"emailAddress": named}
    reply = reading.first(
        about.get("diagnosticCode"),
        details.get("smtpResponse"),
        details.get("errorMessage"),
        details.get("reason"),
        most=MAX_REPLY,
    )
    status = reading.status_in(about.get("status"), reply)
    return replace(
        common,
        recipient=reading.address(about.get("emailAddress")),
        reply=reply,
        status=status,
        reply_class=_class_of(name, details, reply, status),
    )


def _class_of(
    name: str, details: dict[str, Any], reply: str, status: str
) -> ReplyClass | Literal[""]:
    if name == "Bounce":
        kind = reading.clean(details.get("bounceType"))
        return ses_bounces.class_of(
            kind, reading.clean(details.get("bounceSubType")), reply, status
        )
    if name == "DeliveryDelay":
        said = DELAYS.get(reading.clean(details.get("delayType")), "transient")
        return reading.reply_class(reply, said, status=status, is_final=False)
    return "content" if name in ("Reject", "Rendering Failure") else ""


def _is_opt_in(details: dict[str, Any]) -> bool:
    """Return whether a person chose topics of a contact list of SES, and left none."""
    chosen = reading.within(details, "newTopicPreferences")
    topics = reading.objects(chosen.get("topicSubscriptionStatus"))
    is_out = any(topic.get("subscriptionStatus") == "OptOut" for topic in topics)
    return bool(topics) and not is_out and chosen.get("unsubscribeAll") is not True


def _with_opt_out(found: Feedback, details: dict[str, Any]) -> list[Feedback]:
    """Return the feedback as it is meant, for recipients who complained or left earlier."""
    if details.get("complaintSubType") == "OnAccountSuppressionList":
        # Not a complaint about this email: SES did not try to deliver it.
        dropped = replace(found, kind="bounced", reply_class="refused")
        return [dropped, reading.opted_out(dropped)]
    if ses_bounces.is_opt_out(reading.clean(details.get("bounceSubType"))):
        return [found, reading.opted_out(found)]
    return [found]


def _token(mail: dict[str, Any]) -> str:
    """Return our token: from our tag, the return path that we gave, or our Message-ID."""
    tag = reading.inside(mail, "tags", "campaigns")
    ids = [
        header.get("value")
        for header in reading.objects(mail.get("headers"))
        if reading.clean(header.get("name")).lower() == "message-id"
    ]
    tags = tag if isinstance(tag, list) else [tag]
    common = reading.inside(mail, "commonHeaders", "messageId")
    return reading.token_in(*tags, mail.get("source"), common, *ids)
