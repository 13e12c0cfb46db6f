"""Problems of a document of blocks, and what the editor shows in an empty block."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    # The document cannot be read
    "blocks.bad_value": N_("%(name)s has a value that it cannot have. Correct it."),
    "blocks.newer_version": N_(
        "This content was written by a newer version of Campaigns. Update Campaigns to edit it."
    ),
    "blocks.not_json": N_("The content is no document of blocks. Restore an earlier version."),
    "blocks.too_large": N_(
        "The document is larger than %(kilobytes)s KB. Delete blocks, or shorten their HTML."
    ),
    # Something in a block cannot be used
    "blocks.bad_colour": N_("%(value)s is no colour. Choose one from the palette."),
    "blocks.bad_field": N_("“%(name)s” is no field. Choose one from the list."),
    "blocks.bad_merge_tag": N_("A merge tag has no field. Delete it and insert it again."),
    "blocks.footer_hidden": N_(
        "The footer cannot be hidden, because it has the unsubscribe link. Remove its condition."
    ),
    "blocks.media_missing": N_("This image is no longer in the media library. Choose another one."),
    "blocks.not_in_heading": N_("A heading cannot contain a list (%(what)s). Use a text block."),
    "blocks.text_too_deep": N_(
        "The lists in this text are nested too deeply. Use at most %(most)s levels."
    ),
    "blocks.unknown_mark": N_("Emails cannot show this format of a text: %(what)s. Remove it."),
    "blocks.unknown_node": N_(
        "The text contains something that emails cannot show: %(what)s. Remove it."
    ),
    "blocks.unsafe_image": N_(
        "The image address %(url)s cannot be used. Use one that begins with https://."
    ),
    "blocks.unsafe_link": N_(
        "The link %(url)s cannot be used. Links begin with https://, mailto: or tel:."
    ),
    # Unfinished blocks
    "blocks.button_empty": N_("The button has no label. Write one, or delete the button."),
    "blocks.button_without_link": N_("The button has no link. Add one, or delete the button."),
    "blocks.heading_empty": N_("The heading is empty. Write one, or delete the block."),
    "blocks.image_empty": N_("No image is chosen. Choose one, or delete the block."),
    "blocks.image_without_alt": N_(
        "The image has no alternative text. Describe it for people who do not see images."
    ),
    "blocks.logo_missing": N_("The brand has no logo. Add one to the brand, or delete the block."),
    "blocks.text_empty": N_("The text is empty. Write something, or delete the block."),
    # Shown in empty blocks
    "blocks.button_here": N_("Button"),
    "blocks.heading_here": N_("Heading"),
    "blocks.text_here": N_("Write your text here"),
}
