"""What providers and mail servers report, and why emails bounce, in a few words."""

from collections.abc import Mapping

from flask import Flask

from campaigns.events.feedback import FeedbackKind
from campaigns.events.policy import HARD_CLASSES
from campaigns.web.words import gettext as _
from campaigns.wording.messages import N_

_KINDS: Mapping[FeedbackKind, str] = {
    "delivered": N_("Delivered"),
    "deferred": N_("Delayed"),
    "bounced": N_("Bounced"),
    "complained": N_("Complained"),
    "opened": N_("Opened"),
    "clicked": N_("Clicked"),
    "unsubscribed": N_("Unsubscribed"),
    "auto_reply": N_("Automatic reply"),
    "unknown": N_("Another event"),
}
_CLASSES: Mapping[str, str] = {
    "hard": N_("The mailbox does not exist"),
    "disabled": N_("The mailbox is disabled"),
    "mailbox_full": N_("The mailbox is full"),
    "transient": N_("A temporary problem"),
    "throttle": N_("Too many emails at a time"),
    "policy": N_("The sender was refused"),
    "content": N_("The content was refused"),
    "sender": N_("The sender’s address or account was refused"),
    "refused": N_("Refused without a known reason"),
    "": N_("No reason given"),
}


def register(app: Flask) -> None:
    """Register the filters of this module."""
    app.add_template_filter(feedback_kind)
    app.add_template_filter(bounce_class)
    app.add_template_filter(hardness)


def feedback_kind(kind: FeedbackKind) -> str:
    """Return the label of a kind of event."""
    return _(_KINDS.get(kind, _KINDS["unknown"]))


def bounce_class(reply_class: str) -> str:
    """Return why an email bounced or was delayed, by the class of the reply."""
    return _(_CLASSES.get(reply_class, reply_class))


def hardness(reply_class: str) -> str:
    """Return whether a bounce of this class is hard or soft."""
    return _("Hard bounce") if reply_class in HARD_CLASSES else _("Soft bounce")
