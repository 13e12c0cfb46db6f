"""Problems of sender addresses."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "from_address.name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "from_address.address_taken": N_("This sender address already exists."),
    "from_address.account_missing": N_("Choose the account that sends for this address."),
    "from_address.being_sent": N_(
        "A campaign is being sent from this address, so its remaining recipients would see a"
        " different one. Wait until it has finished, or add the new address as a separate"
        " sender."
    ),
    "from_address.freemail": N_(
        "%(domain)s belongs to %(service)s, and only its own servers may send email from it. Most"
        " of it would be refused or marked as spam. Use an address at your own domain."
    ),
}
