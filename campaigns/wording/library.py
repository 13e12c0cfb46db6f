"""Why something in the library cannot be saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "library.bad_characters": N_("The text contains characters that cannot be saved."),
    "library.bad_key": N_(
        "Use a key of at most %(most)s letters a to z, digits and _, beginning with a letter."
    ),
    "library.bad_rows": N_("These rows cannot be saved as a block: see “%(name)s”."),
    "library.changed_meanwhile": N_(
        "Someone else has changed this. Reload the page to see their version."
    ),
    "library.folder_too_long": N_(
        "The name of the folder is too long. Use at most %(most)s characters."
    ),
    "library.key_taken": N_("A snippet with the key %(key)s already exists. Choose another key."),
    "library.name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "library.only_blocks": N_("A saved block can only contain sections of blocks."),
    "library.rows_too_deep": N_("These rows are nested too deeply to be saved."),
    "library.rows_too_large": N_("These rows are larger than %(limit_bytes)s. Save fewer of them."),
    "library.saved_block_gone": N_("This saved block was deleted."),
    "library.snippet_gone": N_("This snippet was deleted."),
    "library.snippet_too_long": N_("The HTML is larger than %(limit_bytes)s. Shorten it."),
    "library.template_gone": N_("This template was deleted."),
    "library.without_name": N_("Enter a name."),
}
