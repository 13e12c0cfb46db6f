"""What the events of each provider mean, above all whether a bounce is the mailbox's fault."""

from typing import Any

import pytest

from campaigns.events.webhooks.registry import WEBHOOKS
from tests.events.webhooks.posts import TOKEN, envelope, post

UNKNOWN_USER = "550 5.1.1 <ada@example.com>: user unknown"
BLOCKED = "554 5.7.1 Service unavailable; client host blocked using Spamhaus"


def _meaning(kind: str, event: Any) -> list[str]:
    """Return kind and class of each feedback: "bounced hard"."""
    found = envelope(event) if kind == "amazon_ses" else post(event)
    return [f"{one.kind} {one.reply_class}".strip() for one in WEBHOOKS[kind].parse(found)]


def _ses_bounce(kind: str, subtype: str, reply: str = "") -> dict[str, Any]:
    named = {"emailAddress": "ada@example.com", "diagnosticCode": reply}
    details = {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [named]}
    return {"notificationType": "Bounce", "bounce": details}


def _ses_choice(status: str, **all_: bool) -> dict[str, Any]:
    chosen = {"topicSubscriptionStatus": [{"topicName": "News", "subscriptionStatus": status}]}
    return {
        "eventType": "Subscription",
        "subscription": {"newTopicPreferences": {"unsubscribeAll": False, **chosen, **all_}},
    }


@pytest.mark.parametrize(
    ("event", "due"),
    [
        (_ses_bounce("Permanent", "General", f"smtp; {UNKNOWN_USER}"), ["bounced hard"]),
        (_ses_bounce("Permanent", "General", f"smtp; {BLOCKED}"), ["bounced policy"]),
        (_ses_bounce("Permanent", "General"), ["bounced hard"]),
        (_ses_bounce("Permanent", "NoEmail"), ["bounced hard"]),
        (_ses_bounce("Permanent", "Suppressed", "Amazon SES has suppressed"), ["bounced hard"]),
        (_ses_bounce("Permanent", "OnAccountSuppressionList"), ["bounced hard"]),
        (
            _ses_bounce("Permanent", "UnsubscribedRecipient"),
            ["bounced refused", "unsubscribed"],
        ),
        (_ses_bounce("Permanent", "New"), ["bounced hard"]),
        (_ses_bounce("Transient", "General"), ["bounced transient"]),
        (_ses_bounce("Transient", "MailboxFull"), ["bounced mailbox_full"]),
        (_ses_bounce("Transient", "MessageTooLarge"), ["bounced content"]),
        (_ses_bounce("Undetermined", "Undetermined"), ["bounced refused"]),
        (_ses_bounce("New", "New"), ["bounced refused"]),
        ({"eventType": "Reject", "reject": {"reason": "Bad content"}}, ["bounced content"]),
        ({"eventType": "DeliveryDelay", "deliveryDelay": {}}, ["deferred transient"]),
        (
            {"eventType": "DeliveryDelay", "deliveryDelay": {"delayType": "MailboxFull"}},
            ["deferred mailbox_full"],
        ),
        ({"eventType": "Complaint", "complaint": {}}, ["complained"]),
        (
            {
                "eventType": "Complaint",
                "complaint": {"complaintSubType": "OnAccountSuppressionList"},
            },
            ["bounced refused", "unsubscribed"],
        ),
        ({"eventType": "Subscription"}, ["unsubscribed"]),
        (_ses_choice("OptOut"), ["unsubscribed"]),
        (_ses_choice("OptIn", unsubscribeAll=True), ["unsubscribed"]),
        (_ses_choice("OptIn"), ["unknown"]),
        ({"eventType": "Send"}, ["unknown"]),
        ("Successfully validated SNS topic for Amazon SES event publishing.", []),
    ],
)
def test_amazon_ses(event: Any, due: list[str]) -> None:
    assert _meaning("amazon_ses", event) == due


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"reason": UNKNOWN_USER, "type": "bounce", "status": "5.1.1"}, ["bounced hard"]),
        ({"reason": BLOCKED, "type": "blocked"}, ["bounced policy"]),
        ({"reason": "", "bounce_classification": "Invalid Address"}, ["bounced hard"]),
        ({"reason": "", "bounce_classification": "Mailbox Unavailable"}, ["bounced mailbox_full"]),
        ({"reason": "", "bounce_classification": "Technical"}, ["bounced transient"]),
        ({"reason": "550 no", "bounce_classification": "Reputation"}, ["bounced policy"]),
        ({"reason": "550 no", "type": "blocked"}, ["bounced policy"]),
        ({"reason": "550 no", "type": "bounce"}, ["bounced refused"]),
        ({"event": "dropped", "reason": "Bounced Address"}, ["bounced hard"]),
        ({"event": "dropped", "reason": "Invalid"}, ["bounced hard"]),
        (
            {"event": "dropped", "reason": "Unsubscribed Address"},
            ["bounced refused", "unsubscribed"],
        ),
        (
            {"event": "dropped", "reason": "Spam Reporting Address"},
            ["bounced refused", "unsubscribed"],
        ),
        ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, ["bounced sender"]),
        ({"event": "deferred", "response": "421 4.7.28 rate limited"}, ["deferred throttle"]),
        ({"event": "deferred", "response": UNKNOWN_USER}, ["deferred transient"]),
        ({"event": "spamreport"}, ["complained"]),
        ({"event": "group_unsubscribe"}, ["unsubscribed"]),
        ({"event": "group_resubscribe"}, ["unknown"]),
    ],
)
def test_sendgrid(fields: dict[str, str], due: list[str]) -> None:
    assert _meaning("sendgrid", [{"event": "bounce", **fields}]) == due


def _mailgun(severity: str, reason: str, code: int, message: str = "") -> dict[str, Any]:
    status = {"code": code, "message": message}
    event = {"event": "failed", "severity": severity, "reason": reason, "delivery-status": status}
    return {"event-data": event}


@pytest.mark.parametrize(
    ("event", "due"),
    [
        (_mailgun("permanent", "bounce", 550, "5.1.1 user unknown"), ["bounced hard"]),
        (_mailgun("permanent", "bounce", 554, BLOCKED), ["bounced policy"]),
        (_mailgun("permanent", "bounce", 552, "5.2.2 mailbox full"), ["bounced mailbox_full"]),
        (_mailgun("permanent", "suppress-bounce", 605, "Not delivering"), ["bounced hard"]),
        (
            _mailgun("permanent", "suppress-complaint", 607),
            ["bounced refused", "unsubscribed"],
        ),
        (
            _mailgun("permanent", "suppress-unsubscribe", 606),
            ["bounced refused", "unsubscribed"],
        ),
        (_mailgun("permanent", "old", 602, "Too old"), ["bounced transient"]),
        (_mailgun("permanent", "espblock", 0), ["bounced policy"]),
        (_mailgun("permanent", "generic", 0), ["bounced refused"]),
        (_mailgun("temporary", "generic", 452, "4.2.2 over quota"), ["deferred mailbox_full"]),
        (_mailgun("temporary", "greylisted", 450, "try later"), ["deferred transient"]),
        ({"event-data": {"event": "rejected"}}, ["bounced refused"]),
        ({"event-data": {"event": "complained"}}, ["complained"]),
        ({"event-data": {"event": "accepted"}}, ["unknown"]),
    ],
)
def test_mailgun(event: dict[str, Any], due: list[str]) -> None:
    assert _meaning("mailgun", event) == due


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"Type": "HardBounce", "Details": f"smtp;{UNKNOWN_USER}"}, "bounced hard"),
        ({"Type": "HardBounce", "Details": f"smtp;{BLOCKED}"}, "bounced policy"),
        ({"TypeCode": 1}, "bounced hard"),
        ({"TypeCode": 4096}, "bounced transient"),
        ({"TypeCode": 4096, "Details": "smtp;552 5.2.2 mailbox full"}, "bounced mailbox_full"),
        ({"TypeCode": 2}, "deferred transient"),
        ({"TypeCode": 64}, "auto_reply"),
        ({"TypeCode": 16384}, "auto_reply"),
        ({"TypeCode": 512}, "bounced content"),
        ({"TypeCode": 512, "Type": "SpamComplaint"}, "complained"),
        ({"TypeCode": 100000}, "bounced hard"),
        ({"TypeCode": 100001}, "complained"),
        ({"TypeCode": 100006}, "bounced policy"),
        ({"TypeCode": 100007}, "bounced sender"),
        ({"TypeCode": 77, "Type": "New"}, "bounced refused"),
        ({"RecordType": "SubscriptionChange", "SuppressSending": False}, "unknown"),
        (
            {
                "RecordType": "SubscriptionChange",
                "SuppressSending": True,
                "SuppressionReason": "SpamComplaint",
            },
            "complained",
        ),
    ],
)
def test_postmark(fields: dict[str, Any], due: str) -> None:
    assert _meaning("postmark", {"RecordType": "Bounce", **fields}) == [due]


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"error": "user unknown", "hard_bounce": True}, ["bounced hard"]),
        ({"error": "user unknown", "comment": BLOCKED}, ["bounced policy"]),
        ({"error": "mailbox inactive"}, ["bounced disabled"]),
        ({"error": "quota exceeded"}, ["bounced mailbox_full"]),
        ({"error": "greylisted"}, ["deferred transient"]),
        ({"error": "sender blocked", "error_related_to": "spam"}, ["bounced policy"]),
        ({"error": "new", "error_related_to": "spam"}, ["bounced policy"]),
        ({"error": "new", "hard_bounce": True}, ["bounced hard"]),
        ({"error": "new", "hard_bounce": False}, ["bounced transient"]),
        ({"event": "blocked", "error": "preblocked"}, ["bounced hard"]),
        (
            {"event": "blocked", "error": "spam reporter"},
            ["bounced refused", "unsubscribed"],
        ),
    ],
)
def test_mailjet(fields: dict[str, Any], due: list[str]) -> None:
    assert _meaning("mailjet", [{"event": "bounce", **fields}]) == due


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"bounce_class": "10"}, "bounced hard"),
        ({"bounce_class": 10, "raw_reason": BLOCKED, "error_code": "554"}, "bounced policy"),
        ({"bounce_class": "22"}, "bounced mailbox_full"),
        ({"bounce_class": "20"}, "bounced transient"),
        ({"bounce_class": "51"}, "bounced policy"),
        ({"bounce_class": "60"}, "auto_reply"),
        ({"bounce_class": "70"}, "deferred transient"),
        ({"bounce_class": "90"}, "unsubscribed"),
        ({"bounce_class": "100"}, "auto_reply"),
        ({"bounce_class": "999"}, "bounced refused"),
        ({"type": "delay", "raw_reason": "452 4.2.2 over quota"}, "deferred mailbox_full"),
        ({"type": "out_of_band", "raw_reason": UNKNOWN_USER}, "bounced hard"),
        ({"type": "policy_rejection", "raw_reason": "550 5.1.1 no"}, "bounced policy"),
        ({"type": "spam_complaint"}, "complained"),
        ({"type": "injection"}, "unknown"),
    ],
)
def test_sparkpost(fields: dict[str, Any], due: str) -> None:
    event = {"msys": {"message_event": {"type": "bounce", **fields}}}
    assert _meaning("sparkpost", [event]) == [due]


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"event": "hard_bounce", "reason": UNKNOWN_USER}, "bounced hard"),
        ({"event": "hard_bounce", "reason": BLOCKED}, "bounced policy"),
        ({"event": "hard_bounce"}, "bounced hard"),
        ({"event": "soft_bounce"}, "bounced transient"),
        ({"event": "soft_bounce", "reason": "452 4.2.2 over quota"}, "bounced mailbox_full"),
        ({"event": "invalid_email"}, "bounced hard"),
        ({"event": "blocked", "reason": "blocked : due to blacklist user"}, "bounced refused"),
        ({"event": "deferred", "reason": UNKNOWN_USER}, "deferred transient"),
        ({"event": "complaint"}, "complained"),
        ({"event": "request"}, "unknown"),
    ],
)
def test_brevo(fields: dict[str, str], due: str) -> None:
    assert _meaning("brevo", fields) == [due]


def _resend(**bounce: Any) -> dict[str, Any]:
    return {"type": "email.bounced", "data": {"bounce": bounce}}


@pytest.mark.parametrize(
    ("event", "due"),
    [
        (_resend(type="Permanent", subType="General", message=UNKNOWN_USER), ["bounced hard"]),
        (_resend(type="Permanent", subType="Suppressed"), ["bounced hard"]),
        (_resend(type="Transient", subType="MailboxFull"), ["bounced mailbox_full"]),
        (_resend(type="Transient", subType="General"), ["bounced transient"]),
        (_resend(type="Permanent", diagnosticCode=[BLOCKED]), ["bounced policy"]),
        (_resend(message="The email provider sent a hard bounce message."), ["bounced hard"]),
        (_resend(message="Resend has suppressed sending."), ["bounced hard"]),
        (_resend(), ["bounced refused"]),
        ({"type": "email.failed", "data": {"failed": {"reason": "quota"}}}, ["bounced sender"]),
        ({"type": "email.suppressed"}, ["bounced hard"]),
        ({"type": "email.delivery_delayed"}, ["deferred transient"]),
        ({"type": "email.scheduled"}, ["unknown"]),
    ],
)
def test_resend(event: dict[str, Any], due: list[str]) -> None:
    assert _meaning("resend", event) == due


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("amazon_ses", {"eventType": "Open", "mail": {"tags": {"campaigns": [TOKEN]}}}),
        ("amazon_ses", {"eventType": "Open", "mail": {"source": f"B+{TOKEN.upper()}@example.com"}}),
        (
            "amazon_ses",
            {
                "eventType": "Open",
                "mail": {"headers": [{"name": "Message-ID", "value": f"<{TOKEN}@example.com>"}]},
            },
        ),
        ("brevo", {"event": "opened", "X-Mailin-custom": f'{{"campaigns": "{TOKEN}"}}'}),
        ("brevo", {"event": "opened", "X-Mailin-custom": f"campaigns:{TOKEN}"}),
        ("mailgun", {"event-data": {"event": "opened", "user-variables": {"campaigns": TOKEN}}}),
        ("mailjet", {"event": "open", "CustomID": TOKEN}),
        ("postmark", {"RecordType": "Open", "Metadata": {"campaigns": TOKEN}}),
        ("resend", {"type": "email.opened", "data": {"tags": {"campaigns": TOKEN}}}),
        (
            "resend",
            {"type": "email.opened", "data": {"tags": [{"name": "campaigns", "value": TOKEN}]}},
        ),
        ("sendgrid", {"event": "open", "campaigns": TOKEN}),
        (
            "sparkpost",
            {"msys": {"track_event": {"type": "open", "rcpt_meta": {"campaigns": TOKEN}}}},
        ),
    ],
)
def test_our_token_comes_back(kind: str, event: dict[str, Any]) -> None:
    found = envelope(event) if kind == "amazon_ses" else post(event)
    [one] = WEBHOOKS[kind].parse(found)
    assert (one.kind, one.token) == ("opened", TOKEN)
