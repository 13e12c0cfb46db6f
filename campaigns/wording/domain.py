"""Sender domains: their DKIM keys, and what DNS says about them."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "domain.key_unreadable": N_(
        "The DKIM key of %(domain)s cannot be read because SECRET_KEY has changed. Add the old key"
        " to SECRET_KEY_FALLBACKS, or create new DKIM keys under Settings, Sender domains."
    ),
}
