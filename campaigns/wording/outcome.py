"""Outcomes of an email to one recipient, with reasons. Labels have no full stop."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "outcome.suppressed": N_("On the suppression list"),
    "outcome.unsubscribed": N_("Unsubscribed before the email was sent"),
    "outcome.deleted": N_("Deleted before the email was sent"),
    "outcome.unrenderable": N_("The content could not be rendered for this recipient"),
    "outcome.render_failed": N_("An unexpected error occurred. The log has the details."),
    "outcome.refused": N_("Refused by the receiving server"),
    "outcome.no_mailbox": N_("The mailbox does not exist"),
    "outcome.disabled": N_("The mailbox is disabled"),
    "outcome.mailbox_full": N_("The mailbox is full"),
    "outcome.content": N_("The server refused the content"),
    "outcome.flood": N_("The server suddenly refused many addresses"),
    "outcome.bounced": N_("Bounced later"),
    "outcome.left": N_("May have arrived; not sent again"),
    "outcome.blocked": N_("The server refused the sender, not the recipient"),
    "outcome.throttled": N_("The server asked for less email at a time"),
    "outcome.sender_refused": N_("The sender’s account was refused"),
    "outcome.gave_up": N_("Deferred until the retry limit was reached"),
    "outcome.deferred": N_("The server asked to try again later"),
    "outcome.connection": N_("The connection failed; retrying"),
    "outcome.no_answer": N_("The connection broke before the server answered; may have arrived"),
    "outcome.lost_worker": N_("The sending process stopped while sending; may have arrived"),
    "outcome.restored": N_("The database was restored before this was recorded; may have arrived"),
    "outcome.left_out": N_("Excluded: the test group of this mailbox provider had poor results"),
    "outcome.cancelled": N_("Cancelled before the email was sent"),
}
