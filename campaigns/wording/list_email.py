"""The emails that a list sends by itself."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "list_email.confirm_button": N_("Confirm subscription"),
    "list_email.empty": N_("Enter some text."),
    "list_email.set_password_button": N_("Set new password"),
    "list_email.too_long": N_("The text is too long. Use at most %(most)s characters."),
    "list_email.unknown_tag": N_(
        "%(tag)s does not work in this email. Use only the merge tags listed below."
    ),
    "list_email.without_button": N_("Enter a label for the button."),
    "list_email.without_link": N_(
        "The confirmation link is missing. Add {{ confirm_url }} on a line of its own."
    ),
}
