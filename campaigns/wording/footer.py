"""The footer that every campaign gets, in the language of its lists."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "footer.unsubscribe": N_("Unsubscribe"),
    "footer.unsubscribe_at": N_("Unsubscribe: %(link)s"),
    "footer.view": N_("View in browser"),
    "footer.why": N_("You are receiving this email because you are subscribed to %(list)s."),
}
