"""Why a delivery is what it is: the codes of `delivery.reason`, in words for people."""

REASONS = {
    "": "",
    "suppressed": "The address is suppressed",
    "unsubscribed": "Left the list before the mail went out",
    "deleted": "Deleted before the mail went out",
    "unrenderable": "The content could not be made for this person",
    "refused": "Refused by the receiving server",
    "no_mailbox": "There is no such mailbox",
    "disabled": "The mailbox is switched off",
    "mailbox_full": "The mailbox is full",
    "content": "The server refused the content",
    "flood": "Kept back: the server suddenly refused very many at once",
    "bounced": "Came back after all",
    "left": "May have arrived; left as it is",
    "blocked": "The server refused this sender, not the recipient",
    "throttled": "The server asked for less mail at a time",
    "sender_refused": "Our own account was refused",
    "gave_up": "Put off again and again until the time was up",
    "deferred": "The server asked to try later",
    "connection": "The connection failed; trying again",
    "no_answer": "The connection broke before the server's answer; it may have arrived",
    "lost_worker": "The sending process was lost at that moment; it may have arrived",
    "restored": "The database was restored before this was recorded; it may have arrived",
    "left_out": "Left out: the first mails to this mailbox provider went badly",
    "cancelled": "The campaign was cancelled before its turn",
}


def describe(code: str) -> str:
    """The words for a reason; the code itself for one that is not known (an older version's)."""
    return REASONS.get(code, code)
