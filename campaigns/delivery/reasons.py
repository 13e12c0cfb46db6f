"""The reasons of a delivery's status: stored words and their codes."""

from collections.abc import Mapping

from campaigns.reason import LEGACY, Reason

REASONS: Mapping[str, str] = {
    "suppressed": "outcome.suppressed",
    "unsubscribed": "outcome.unsubscribed",
    "deleted": "outcome.deleted",
    "unrenderable": "outcome.unrenderable",
    "refused": "outcome.refused",
    "no_mailbox": "outcome.no_mailbox",
    "disabled": "outcome.disabled",
    "mailbox_full": "outcome.mailbox_full",
    "content": "outcome.content",
    "flood": "outcome.flood",
    "bounced": "outcome.bounced",
    "left": "outcome.left",
    "blocked": "outcome.blocked",
    "throttled": "outcome.throttled",
    "sender_refused": "outcome.sender_refused",
    "gave_up": "outcome.gave_up",
    "deferred": "outcome.deferred",
    "connection": "outcome.connection",
    "no_answer": "outcome.no_answer",
    "lost_worker": "outcome.lost_worker",
    "restored": "outcome.restored",
    "left_out": "outcome.left_out",
    "cancelled": "outcome.cancelled",
}


def reason_of(word: str) -> Reason | None:
    """Return the reason of a delivery; None without one. Unknown words stay as text."""
    if not word:
        return None
    return Reason(REASONS[word]) if word in REASONS else Reason(LEGACY, {"text": word})
