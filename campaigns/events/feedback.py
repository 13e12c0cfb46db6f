"""Feedback: what a provider or a mail server says about one message, by webhook or email."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from campaigns.providers.classify import ReplyClass

FeedbackKind = Literal[
    "delivered",
    "deferred",
    "bounced",
    "complained",
    "opened",
    "clicked",
    "unsubscribed",
    "auto_reply",
    "unknown",
]
MAX_REPLY = 1_000


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a sender of feedback says about one message to one recipient. Nothing in it is trusted.

    Only a token with our signature finds a delivery: `token` if the sender named one, else the one
    in `message_ids`. `recipient` is for display.
    """

    kind: FeedbackKind
    at: datetime
    """Aware, UTC: the sender's time of the event, or that of its receipt."""
    token: str = ""
    message_ids: tuple[str, ...] = ()
    """Message-IDs of the original message, without angle brackets."""
    return_domain: str = ""
    """Of an email: domain of the return address that it was sent to; "" if it was to none."""
    recipient: str = ""
    event_id: str = ""
    """The sender's id of this event, the same whenever it is reported; "" if it has none."""
    reply_class: ReplyClass | Literal[""] = ""
    status: str = ""
    """Enhanced status code such as "5.1.1" (RFC 3463)."""
    reply: str = ""
    """The words of the server, at most `MAX_REPLY` characters."""
    feedback_type: str = ""
    """Of a complaint (RFC 5965): abuse, opt-out, fraud, not-spam, auth-failure, virus, other."""
    url: str = ""
    user_agent: str = ""
    ip: str = ""
