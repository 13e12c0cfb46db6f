"""Notifications of Amazon SES that Amazon SNS sends as email: JSON in plain text."""

import json
from typing import Any

from campaigns.events.bounces.replies import ServerReply, class_of, reply_in
from campaigns.events.bounces.values import BounceVerdict, Kind, Report
from campaigns.providers.classify import ReplyClass

MAX_RECIPIENTS = 1_000


def verdict_of(text: str) -> BounceVerdict | None:
    """Return what a notification says; None for any other text."""
    start = text.find("{")
    if start < 0 or '"mail"' not in text or "otificationType" not in text + "n":
        return None
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(_joined(text[start:]))
        return _of_notification(found)
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return None


def _joined(text: str) -> str:
    """Undo the folding of long lines by a mail server: "!", line end, space."""
    return text.replace("!\n ", "")


def _of_notification(found: Any) -> BounceVerdict | None:
    kind = str(found.get("notificationType") or found.get("eventType"))
    mail = found.get("mail") or {}
    message_id = _message_id(mail)
    if kind == "Bounce":
        reports = tuple(_bounced(found["bounce"]))
        return BounceVerdict(reports[0].kind, reports, message_ids=message_id)
    if kind == "Complaint":
        complaint = found["complaint"]
        return BounceVerdict(
            "complaint",
            tuple(_plain("complaint", complaint["complainedRecipients"])),
            feedback_type=str(complaint.get("complaintFeedbackType") or "abuse"),
            message_ids=message_id,
        )
    if kind == "Delivery":
        delivery = found["delivery"]
        reply = reply_in(str(delivery.get("smtpResponse", "")))
        reports = tuple(
            Report("delivered", str(one), "", reply.status, reply.code, reply.text)
            for one in delivery["recipients"][:MAX_RECIPIENTS]
        )
        return BounceVerdict("delivered", reports, message_ids=message_id)
    return None


def _message_id(mail: Any) -> tuple[str, ...]:
    headers = mail.get("headers") or []
    named = [
        str(one.get("value")) for one in headers if str(one.get("name")).lower() == "message-id"
    ]
    ids = [*named, str((mail.get("commonHeaders") or {}).get("messageId") or "")]
    return tuple(dict.fromkeys(one.strip("<> ") for one in ids if one.strip("<> ")))


def _bounced(bounce: Any) -> list[Report]:
    return [
        _of_recipient(one, str(bounce.get("bounceType")), str(bounce.get("bounceSubType")))
        for one in bounce["bouncedRecipients"][:MAX_RECIPIENTS]
    ] or [Report("bounce")]


def _of_recipient(one: Any, kind: str, subtype: str) -> Report:
    reply = reply_in(str(one.get("diagnosticCode") or ""))
    reply = ServerReply(
        reply.code, reply.status, reply.text, str(one.get("status") or ""), reply.step
    )
    address = str(one.get("emailAddress") or "").strip("<>")
    happened: Kind = "delay" if str(one.get("action")) == "delayed" else "bounce"
    return Report(
        happened,
        address,
        _class(reply, kind, subtype),
        reply.status or reply.stated,
        reply.code,
        reply.text,
    )


def _class(reply: ServerReply, kind: str, subtype: str) -> ReplyClass:
    by_subtype: dict[str, ReplyClass] = {
        "MailboxFull": "mailbox_full",
        "NoEmail": "hard",
        "Suppressed": "hard",
        "OnAccountSuppressionList": "hard",
        "MessageTooLarge": "content",
        "ContentRejected": "content",
        "AttachmentRejected": "content",
    }
    if reply.text:
        return class_of(reply, is_final=True)
    return by_subtype.get(subtype, "hard" if kind == "Permanent" else "transient")


def _plain(kind: Kind, recipients: Any) -> list[Report]:
    return [Report(kind, str(one["emailAddress"])) for one in recipients[:MAX_RECIPIENTS]]
