"""Types of bounces of Amazon SES, also used by providers that send through it."""

from collections.abc import Mapping

from campaigns.events.webhooks import reading
from campaigns.providers.classify import ReplyClass

SUPPRESSED: Mapping[str, ReplyClass] = {
    "Suppressed": "hard",  # it bounced lately for another customer of SES
    "OnAccountSuppressionList": "hard",  # it bounced or complained before
    "UnsubscribedRecipient": "refused",
}
"""Subtypes of emails that SES did not try to deliver, so there is no reply to classify."""

SUBTYPES: Mapping[tuple[str, str], ReplyClass] = {
    ("Undetermined", "Undetermined"): "refused",
    ("Permanent", "General"): "hard",
    ("Permanent", "NoEmail"): "hard",
    ("Transient", "General"): "transient",
    ("Transient", "MailboxFull"): "mailbox_full",
    ("Transient", "MessageTooLarge"): "content",
    ("Transient", "ContentRejected"): "content",
    ("Transient", "AttachmentRejected"): "content",
    ("Transient", "CustomTimeoutExceeded"): "transient",
}
TYPES: Mapping[str, ReplyClass] = {
    "Permanent": "hard",
    "Transient": "transient",
    "Undetermined": "refused",
}
"""For subtypes that are not in the list."""


def class_of(kind: str, subtype: str, reply: str, status: str) -> ReplyClass:
    """Return the class of a bounce by its type, subtype and the server's reply."""
    if subtype in SUPPRESSED:
        return SUPPRESSED[subtype]
    said = SUBTYPES.get((kind, subtype)) or TYPES.get(kind)
    return reading.reply_class(reply, said or "", status=status)


def is_opt_out(subtype: str) -> bool:
    """Return whether the recipient once told SES to get no more email."""
    return subtype == "UnsubscribedRecipient"
