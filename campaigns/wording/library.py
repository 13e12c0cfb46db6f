"""Why something in the library cannot be saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "library.folder_too_long": N_(
        "The name of the folder is too long. Use at most %(most)s characters."
    ),
    "library.name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "library.template_gone": N_("This template was deleted."),
    "library.without_name": N_("Enter a name."),
}
